import type { BareJid } from '../presence/jid.js'
import type { Show } from '../presence/presence.js'
import type { LoggedPresence } from '../presence/presence-store.js'

/** A presence within a batch, in the order of the columns of `presence`. */
export type PackedPresence = readonly [
  user: BareJid,
  show: Show,
  text: string | null,
  shownSince: number | null,
  idleSince: number | null,
  resource: string | null,
  priority: number,
  /** Schema 5 and older did not note it. */
  was?: Show,
]

export function packPresence(logged: LoggedPresence): PackedPresence {
  const { user, show, text, shownSince, idleSince, resource, priority, was } = logged
  return [user, show, text, shownSince, idleSince, resource, priority, was]
}

/** null in the place of who was deleted since. */
export function unpackPresences(presences: string | undefined): readonly (PackedPresence | null)[] {
  return presences === undefined ? [] : JSON.parse(presences)
}
