import type { DomainUsers } from './domain-users.js'
import { type Mark, NEVER } from './eras.js'
import type { BareJid } from './jid.js'
import type { Show } from './presence.js'
import type { LoggedPresence, StoredPresence } from './presence-store.js'
import type { Resource } from './resource.js'

/** Before every time: never known. */
export const NO_TIME = -1

/** Who is gone: since when, and her parting words. Fields as a resource has them. */
export interface Parted {
  readonly show: 'offline'
  readonly text: string | null
  /** ms since 1970, or NO_TIME */
  readonly shownSince: number
  readonly idleSince: null
}

/** One user on the board. Plain fields, since there are millions; what a query asks for first: it is a cache line less. */
export interface User {
  /** What the world sees of her: the winner of her resources itself, since a copy of it would have to be kept up with it. */
  shown: Resource | Parted
  covered: Mark
  readonly jid: BareJid
  readonly domain: DomainUsers
  resources: Resource | null
  /** The batch in which she was stored last, 0: none. */
  batch: number
}

const NEVER_SEEN: Parted = { show: 'offline', text: null, shownSince: NO_TIME, idleSince: null }

/** Nobody has seen her yet. */
export function newUser(jid: BareJid, domain: DomainUsers): User {
  return { shown: NEVER_SEEN, covered: NEVER, jid, domain, resources: null, batch: 0 }
}

/** null for NO_TIME. */
export function timeOf(ms: number): number | null {
  return ms === NO_TIME ? null : ms
}

/** What of a user others can tell from what they knew before. */
export interface Look {
  /** `unknown`: nothing was ever proven of her. */
  readonly show: Show
  readonly text: string | null
  /** ms since 1970, or NO_TIME */
  readonly since: number
}

const UNKNOWN: Look = { show: 'unknown', text: null, since: NO_TIME }

/** What a restart needs to know of her; undefined: nobody knows her. */
export function storedPresence(jid: BareJid, user: User | undefined): StoredPresence {
  const { was: _, ...stored } = loggedPresence(jid, user, 'unknown')
  return stored
}

/** The same, with the show that the log had before. One literal for each, no spread, as on the board. */
export function loggedPresence(jid: BareJid, user: User | undefined, was: Show): LoggedPresence {
  const shown = isKnown(user) ? user.shown : null
  if (shown === null || shown.show === 'offline') {
    const show = shown === null ? 'unknown' : 'offline'
    const text = shown?.text ?? null
    const shownSince = timeOf(shown?.shownSince ?? NO_TIME)
    return { user: jid, show, text, shownSince, idleSince: null, resource: null, priority: 0, was }
  }
  const { show, text, shownSince, idleSince, name, priority } = shown
  return { user: jid, show, text, shownSince, idleSince, resource: name, priority, was }
}

export function lookOf(user: User | undefined): Look {
  if (!isKnown(user)) return UNKNOWN
  const { show, text, shownSince, idleSince } = user.shown
  return { show, text, since: idleSince ?? shownSince }
}

/** Whether anything was ever proven of her. */
function isKnown(user: User | undefined): user is User {
  return user !== undefined && (user.shown !== NEVER_SEEN || user.covered !== NEVER)
}
