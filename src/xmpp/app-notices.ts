import { xml } from '@xmpp/component'
import type { App } from '../apps/app.js'
import type { BareJid } from '../presence/jid.js'
import type { Link } from './link.js'

export interface AppNoticesOptions {
  /** Without a slash at its end. */
  readonly publicUrl: string
  /** As her server writes her. */
  readonly address: (user: BareJid) => string
}

/** What the members of an app are told by message: they have signed in here, so they can be reached. */
export class AppNotices {
  readonly #link: Pick<Link, 'send' | 'online'>
  readonly #options: AppNoticesOptions

  constructor(link: Pick<Link, 'send' | 'online'>, options: AppNoticesOptions) {
    this.#link = link
    this.#options = options
  }

  /** false: nobody can be told anything now. */
  webhookOff({ appid, name, domain, members }: App, because: 'gone' | 'failing'): boolean {
    if (!this.#link.online) return false
    const why = because === 'gone' ? 'It answered 410 Gone' : 'Each call of the last five days has failed'
    const text = `The webhook of ${name} (${domain}) is off. ${why}, so it is told of no more changes.

What it answered, and how to turn it on again:

${this.#options.publicUrl}/myapps/${appid}#webhook`
    for (const member of members) {
      const to = this.#options.address(member)
      this.#link.send(xml('message', { to, type: 'normal' }, xml('body', {}, text)))
    }
    return true
  }
}
