import type { BareJid } from './jid.js'
import type { AvailableShow } from './presence.js'

/** The last presence of one user: what a restarted gateway knows of her before the server has spoken. */
export interface StoredPresence {
  readonly user: BareJid
  readonly show: AvailableShow | 'offline'
  readonly text: string | null
  /** When the show last changed, or when she went offline; ms since 1970; null: never known. */
  readonly shownSince: number | null
  readonly idleSince: number | null
  /** Of the winning resource; null when offline. */
  readonly resource: string | null
  readonly priority: number
}

export interface PresenceStore {
  /** In no order, each user once. */
  presences(): Promise<Iterable<StoredPresence>>
  /**
   * All of `changed` and `gone`, or none of it. Once resolved it survives the end of this process, however sudden;
   * after a power cut the newest seconds may be missing, never half of a batch.
   */
  savePresences(changed: readonly StoredPresence[], gone: readonly BareJid[]): Promise<void>
  /** When the presences were last known to be so, ms since 1970; null: never. */
  knownUntil(): Promise<number | null>
  /** As durable as a presence. */
  saveKnownUntil(time: number): Promise<void>
}
