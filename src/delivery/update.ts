import type { Grant } from '../apps/grant.js'
import { type Bytes, utf8 } from '../presence/bytes.js'
import type { BareJid } from '../presence/jid.js'
import { type Show, type Status, statusOf } from '../presence/presence.js'
import type { Position } from './position.js'

/** What the log has of a user. */
export interface Presence {
  readonly show: Show
  readonly text: string | null
  /** ms since 1970; null: never known. */
  readonly since: number | null
}

/** What an app is told of one user. */
export interface Update {
  readonly uid: string
  readonly status: Status
  readonly show?: Show
  readonly text?: string | null
  /** RFC 3339 */
  readonly since?: string | null
  readonly jid?: string
  readonly revoked?: true
}

/** An update, and where it stands in the log. */
export interface Told {
  readonly update: Update
  readonly position: Position
  /** The same, as the app may say it; '' until it is told. */
  cursor: string
}

// What many apps are told of one change is made once.
const timeOf = remembered((since: number) => new Date(since).toISOString())
const quoted = remembered((text: string | null | undefined) => JSON.stringify(text))

/** As much of her as the grant lets the app see; of a paused one no more than of somebody offline. `address`: as it is written. */
export function updateOf(
  { uid, user, scope, paused }: Grant,
  presence: Presence,
  address: (user: BareJid) => string,
): Update {
  if (paused) return { uid, status: 'offline' }
  const { show, text, since } = presence
  const update: Update = { uid, status: statusOf(show) }
  // One shape for each scope: there may be 100,000 a second.
  const hasDetails = scope.includes('details')
  const hasAddress = scope.includes('address')
  if (!hasDetails) return hasAddress ? { ...update, jid: address(user) } : update
  const at = since === null ? null : timeOf(since)
  const detailed: Update = { uid, status: update.status, show, text, since: at }
  return hasAddress ? { ...detailed, jid: address(user) } : detailed
}

export function revokedUpdate(uid: string): Update {
  return { uid, status: 'offline', revoked: true }
}

/** As the elements of a WebSocket frame. */
export function asObject(update: Update, cursor?: string): Bytes {
  const { uid, status } = update
  // What a uid and a status are made of needs no escaping.
  const rest = restOf(update)
  const more = rest && utf8(`,${rest}`)
  const tail = cursor === undefined ? '}' : `,"cursor":"${cursor}"}`
  return `{"uid":"${uid}","status":"${status}"${more}${tail}`
}

/** As the elements of a line, of an event and of a webhook's data. */
export function asPair(update: Update): string {
  const { uid, status } = update
  const rest = restOf(update)
  return rest ? `["${uid}","${status}",{${rest}}]` : `["${uid}","${status}"]`
}

/** Everything but uid and status, without braces. */
function restOf({ show, text, since, jid, revoked }: Update): string {
  if (revoked) return '"revoked":true'
  if (show === undefined && jid === undefined) return ''
  const details =
    show === undefined
      ? ''
      : `"show":"${show}","text":${quoted(text)},"since":${since === null ? 'null' : `"${since}"`}`
  if (jid === undefined) return details
  return `${details && `${details},`}"jid":${JSON.stringify(jid)}`
}

function remembered<K, V>(make: (key: K) => V): (key: K) => V {
  let last: { readonly key: K; readonly value: V } | null = null
  return (key) => {
    if (last === null || last.key !== key) last = { key, value: make(key) }
    return last.value
  }
}
