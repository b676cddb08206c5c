import type { DomainUsers } from './domain-users.js'
import { BEFORE_ALL, type Mark, NEVER } from './eras.js'
import type { BareJid } from './jid.js'
import { isAvailable, type Show } from './presence.js'
import type { LoggedPresence, StoredPresence } from './presence-store.js'
import type { Resource } from './resource.js'

/** Before every time: never known. */
export const NO_TIME = -1

/** One user on the board, with what the world sees of her: the winner of her resources, or since when she is gone. */
export interface User extends Resource {
  covered: Mark
  /** Of her JID, as her table has it. */
  hash: number
  readonly jid: BareJid
  readonly domain: DomainUsers
  /** The batch in which she was stored last, 0: none. */
  batch: number
}

/** Nobody has seen her yet. */
export function newUser(jid: BareJid, domain: DomainUsers): User {
  return {
    show: 'offline',
    text: null,
    shownSince: NO_TIME,
    idleSince: null,
    covered: NEVER,
    hash: 0,
    jid,
    domain,
    name: '',
    priority: 0,
    changed: 0,
    heard: BEFORE_ALL,
    next: null,
    batch: 0,
  }
}

/** She is gone since then (ms since 1970, or NO_TIME), with these words. */
export function part(user: User, text: string | null, since: number): void {
  user.show = 'offline'
  user.text = text
  user.shownSince = since
  user.idleSince = null
  // Most users are offline, and each name takes its own memory.
  user.name = ''
  user.next = null
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
  const { show, text, since } = lookOf(user)
  if (!user || !isAvailable(show)) {
    return { user: jid, show, text, shownSince: timeOf(since), idleSince: null, resource: null, priority: 0, was }
  }
  const { shownSince, idleSince, name, priority } = user
  return { user: jid, show, text, shownSince, idleSince, resource: name, priority, was }
}

export function lookOf(user: User | undefined): Look {
  if (!isKnown(user)) return UNKNOWN
  const { show, text, shownSince, idleSince } = user
  return { show, text, since: idleSince ?? shownSince }
}

/** Whether anything was ever proven of her. */
function isKnown(user: User | undefined): user is User {
  return user !== undefined && (user.shownSince !== NO_TIME || user.covered !== NEVER)
}
