import { detached } from './detached.js'
import { BEFORE_ALL, type Mark } from './eras.js'
import type { AvailableShow, ResourcePresence } from './presence.js'

/**
 * One resource, a node in its user's list. The first node is the user herself, who has the fields of the winner: a copy would have
 * to be kept up with it, and a query would wait for memory once more. Plain fields, since there are millions; what a query asks for
 * first, and together.
 */
export interface Resource {
  /** `offline`: it has said nothing yet, or a user has none. The others are then of no meaning, but for parting words and their time. */
  show: AvailableShow | 'offline'
  text: string | null
  shownSince: number
  idleSince: number | null
  name: string
  priority: number
  /** Order of the last real change: the tie-break between equals. */
  changed: number
  heard: Mark
  next: Resource | null
}

// XEP-0256 counts whole seconds back from its arrival; closer than that is the same moment said again.
const IDLE_TOLERANCE_MS = 2000
// Servers stamp in whole seconds what they replay (Prosody does): the second that it was set in is no earlier time, nor is the one
// before the second in which it came to us.
const STAMP_TOLERANCE_MS = 2000
const ORDER: Readonly<Record<Resource['show'], number>> = { chat: 0, online: 1, away: 2, xa: 3, dnd: 4, offline: 5 }

/** Where her list begins; null: she has none. */
export function firstResource(user: Resource): Resource | null {
  return user.show === 'offline' ? null : user
}

export function findResource(user: Resource, name: string): Resource | null {
  for (let r = firstResource(user); r; r = r.next) if (r.name === name) return r
  return null
}

/** One that has said nothing yet. */
export function addResource(user: Resource, name: string): Resource {
  if (user.show === 'offline') {
    user.name = name
    return user
  }
  // One literal, no spread: a spread gives each object a hidden class of its own, 325 bytes.
  user.next = {
    show: 'offline',
    text: null,
    shownSince: 0,
    idleSince: null,
    name,
    priority: 0,
    changed: 0,
    heard: BEFORE_ALL,
    next: user.next,
  }
  return user.next
}

/** Takes out of her list what does not stay. false: nothing stays; her own fields are left as they are. */
export function keepResources(user: Resource, stays: (resource: Resource) => boolean): boolean {
  let last = user
  while (last.next) {
    if (stays(last.next)) last = last.next
    else last.next = last.next.next
  }
  if (stays(user)) return true
  const { next } = user
  if (!next) return false
  become(user, next)
  user.next = next.next
  return true
}

/** Highest priority, then the most reachable show, then the most recent change. */
function beats(a: Resource, b: Resource): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.show !== b.show) return ORDER[a.show] < ORDER[b.show]
  return a.changed > b.changed
}

/** Puts the winner first. */
export function electWinner(user: Resource): void {
  let winner = user
  for (let r = user.next; r; r = r.next) if (beats(r, winner)) winner = r
  if (winner === user) return
  const { show, text, shownSince, idleSince, name, priority, changed, heard } = user
  become(user, winner)
  become(winner, { show, text, shownSince, idleSince, name, priority, changed, heard })
}

/** All but its place in the list. */
function become(resource: Resource, other: Omit<Resource, 'next'>): void {
  resource.show = other.show
  resource.text = other.text
  resource.shownSince = other.shownSince
  resource.idleSince = other.idleSince
  resource.name = other.name
  resource.priority = other.priority
  resource.changed = other.changed
  resource.heard = other.heard
}

/** Takes out the one that changed least recently, but never the newest, if there are more than `limit`. */
export function limitResources(user: Resource, newest: Resource, limit: number): void {
  let count = 0
  let oldest: Resource | null = null
  for (let r: Resource | null = user; r; r = r.next) {
    count++
    if (r !== newest && (!oldest || r.changed < oldest.changed)) oldest = r
  }
  if (count > limit && oldest) keepResources(user, (resource) => resource !== oldest)
}

/** Takes over what it said. Returns whether that is a real change, after which it is the most recent. */
export function updateResource(
  resource: Resource,
  said: ResourcePresence,
  priority: number,
  saidAt: number,
  now: number,
): boolean {
  const changed = resource.show !== said.show || resource.text !== said.text || resource.priority !== priority
  if (resource.show !== said.show) resource.shownSince = saidAt
  // The same show again with an older stamp: it has been so for longer than we knew.
  else if (said.stampedAt !== null && resource.shownSince - saidAt >= STAMP_TOLERANCE_MS) resource.shownSince = saidAt
  if (said.idleSince === undefined) {
    if (resource.show !== said.show) resource.idleSince = null
  } else {
    const idleSince = said.idleSince === null ? null : Math.min(said.idleSince, now)
    const moved =
      idleSince === null || resource.idleSince === null || Math.abs(idleSince - resource.idleSince) >= IDLE_TOLERANCE_MS
    if (moved) resource.idleSince = idleSince
  }
  resource.show = said.show
  if (resource.text !== said.text) resource.text = said.text && detached(said.text)
  resource.priority = priority
  return changed
}
