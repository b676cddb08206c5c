import type { Mark } from './eras.js'
import type { AvailableShow } from './presence.js'

/** One resource, a node in its user's list. Plain fields, since there are millions. */
export interface Resource {
  readonly name: string
  show: AvailableShow
  text: string | null
  priority: number
  shownSince: number
  idleSince: number | null
  /** Order of the last real change: the tie-break between equals. */
  changed: number
  heard: Mark
  next: Resource | null
}

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

export function electWinner(first: Resource | null): Resource | null {
  let winner = first
  for (let r = first?.next ?? null; r; r = r.next) if (winner && beats(r, winner)) winner = r
  return winner
}
