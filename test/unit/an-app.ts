import type { App, AppId } from '../../src/apps/app.js'
import { jid } from './users.js'

/** An app as it was just registered, but for what is said otherwise. */
export function anApp(said: Partial<App> = {}): App {
  return {
    appid: 'app_one' as AppId,
    domain: 'app.example',
    name: 'An app',
    description: '',
    scope: ['status'],
    hosts: [],
    members: [jid('alice@h')],
    createdAt: Date.parse('2026-03-01T12:00:00.000Z'),
    verifiedAt: null,
    active: false,
    hasIcon: false,
    webhook: null,
    ...said,
  }
}
