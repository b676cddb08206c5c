import { detached } from './detached.js'
import type { Mark } from './eras.js'
import type { AvailableShow, ResourcePresence } from './presence.js'

/** One resource, a node in its user's list. Plain fields, since there are millions; what a query asks for first, and together. */
export interface Resource {
  show: AvailableShow
  text: string | null
  shownSince: number
  idleSince: number | null
  readonly name: string
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
const ORDER: Readonly<Record<AvailableShow, number>> = { chat: 0, online: 1, away: 2, xa: 3, dnd: 4 }

export function findResource(first: Resource | null, name: string): Resource | null {
  for (let r = first; r; r = r.next) if (r.name === name) return r
  return null
}

export function withoutResource(first: Resource | null, name: string): Resource | null {
  if (!first) return null
  if (first.name === name) return first.next
  for (let r = first; r.next; r = r.next) {
    if (r.next.name === name) {
      r.next = r.next.next
      break
    }
  }
  return first
}

/** Highest priority, then the most reachable show, then the most recent change. */
function beats(a: Resource, b: Resource): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.show !== b.show) return ORDER[a.show] < ORDER[b.show]
  return a.changed > b.changed
}

export function electWinner(first: Resource): Resource {
  let winner = first
  for (let r = first.next; r; r = r.next) if (beats(r, winner)) winner = r
  return winner
}

/** Without the one that changed least recently, if there are more than `limit`; the first, the newest, stays. */
export function withinLimit(first: Resource, limit: number): Resource {
  let count = 1
  let oldest: Resource | null = null
  for (let r = first.next; r; r = r.next) {
    count++
    if (!oldest || r.changed < oldest.changed) oldest = r
  }
  if (count > limit && oldest) withoutResource(first, oldest.name)
  return first
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
