import type { AppId } from '../../src/apps/app.js'
import type { WebhookChange } from '../../src/delivery/webhook-store.js'
import type { BareJid } from '../../src/presence/jid.js'
import type { Database } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { SqlitePublicLinkStore } from '../../src/storage/sqlite-public-link-store.js'
import { SqlitePublicationStore } from '../../src/storage/sqlite-publication-store.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { SqliteSubscriptionStore } from '../../src/storage/sqlite-subscription-store.js'
import { SqliteWebhookStore } from '../../src/storage/sqlite-webhook-store.js'
import { aDelivery, aFlight, aWebhookState } from './webhook-samples.js'

/** Saves of that user all that a database can have; others share her app `app_shared` and her batches of presences. */
export async function saveEverythingOf(
  database: Database,
  user: BareJid,
  others: readonly BareJid[] = [],
): Promise<void> {
  const said = { show: 'away', text: 'tea', shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
  const presence = { ...said, was: 'offline' } as const
  const presences = new SqlitePresenceStore(database)
  const everybody = [user, ...others].map((each) => ({ user: each, ...presence }))
  const batch = await presences.append(everybody, 1)
  await presences.fold(batch, [batch], () => true)
  await presences.append(everybody, 1)
  await new SqlitePublicationStore(database).saveChoice(user, 'details')
  await new SqliteSubscriptionStore(database).saveSubscription(user, {
    consent: 'granted',
    by: 'subscription',
    watchesUs: true,
  })
  const times = { createdAt: 1, usedAt: 1 }
  await new SqliteSessionStore(database).save({ id: `s-${user}`, user, browser: 'x', address: '::1', ...times })
  await new SqlitePersonalTokenStore(database).save({ id: `tok_${user}`, user, name: 'x', createdAt: 1 }, `t-${user}`)
  await new SqlitePublicLinkStore(database).save(user, `l-${user}`)
  const apps = new SqliteAppStore(database)
  const app = { name: 'x', description: '', scope: ['status'], hosts: [], createdAt: 1, verifiedAt: 1 } as const
  const rest = { active: true, hasIcon: false, webhook: null }
  const own = ownApp(user)
  await apps.add({ ...app, ...rest, appid: own, name: `of ${user}`, domain: 'own.example', members: [user] })
  await apps.saveIcon(own, { type: 'image/png', image: Buffer.from('png') })
  const grants = new SqliteGrantStore(database)
  const grant = { scope: ['status'], paused: false, grantedAt: 1 } as const
  await grants.save({ ...grant, user, appid: own, uid: uidOf(user) })
  await new SqliteWebhookStore(database).save([inFlightTo(own, user)])
  const [other] = others
  if (!other) return
  const shared = 'app_shared' as AppId
  await apps.add({ ...app, ...rest, appid: shared, domain: 'shared.example', members: [other] })
  await apps.addMember(shared, user)
  await grants.save({ ...grant, user, appid: shared, uid: `${uidOf(user)}-shared` })
  await grants.save({ ...grant, user: other, appid: shared, uid: `${uidOf(other)}-shared` })
  await grants.save({ ...grant, user: other, appid: own, uid: uidOf(other) })
  await new SqliteWebhookStore(database).save([inFlightTo(shared, user, '-shared')])
}

function inFlightTo(appid: AppId, user: BareJid, uid = ''): WebhookChange {
  const body = JSON.stringify({ data: [[`${uidOf(user)}${uid}`, 'away', { jid: user }]] })
  return { appid, state: aWebhookState({ flights: [aFlight({ body })], tries: 1 }), deliveries: [aDelivery()] }
}

/** Like all that apps are told of a user, without her JID. */
export function uidOf(user: BareJid): string {
  return `UID-${Buffer.from(user).toString('base64url')}`
}

export function ownApp(user: BareJid): AppId {
  return `app_${uidOf(user)}` as AppId
}
