import type { BareJid } from './jid.js'
import type { Show } from './presence.js'

/** The last presence of one user: what a restarted gateway knows of her before the server has spoken. */
export interface StoredPresence {
  readonly user: BareJid
  /** `unknown`: she is forgotten, and whatever was stored of her counts no longer. */
  readonly show: Show
  readonly text: string | null
  /** When the show last changed, or when she went offline; ms since 1970; null: never known. */
  readonly shownSince: number | null
  readonly idleSince: number | null
  /** Of the winning resource; null when offline. */
  readonly resource: string | null
  readonly priority: number
}

/** A presence as it was stored, with the number of its batch. Numbers only grow, also across restarts; 0: it was folded. */
export interface StoredChange {
  readonly batch: number
  readonly presence: StoredPresence
}

/** A presence as it stands in the log. */
export interface LoggedPresence extends StoredPresence {
  /** The show that the log had of her before. */
  readonly was: Show
}

/** A batch that is kept, folded or not. */
export interface KeptBatch {
  readonly number: number
  /** When it was appended, ms since 1970; 0: not known. */
  readonly at: number
  /** So many presences. */
  readonly size: number
}

/** No batch has more, so that a number and a place in the batch are one number. */
export const MOST_IN_BATCH = 2000

/** The log of changes, as it is written: each batch is the next one after all that anybody has appended. */
export interface PresenceStore {
  /** Everything, older before newer: of several of one user the last counts. */
  changes(): Promise<Iterable<StoredChange>>
  /**
   * Appends a batch, at most one presence of each user and at most MOST_IN_BATCH: all of it or nothing. Returns its number. Once
   * resolved it survives the end of this process, however sudden; after a power cut the newest seconds may be missing, never half
   * of a batch.
   */
  append(presences: readonly LoggedPresence[], at: number): Promise<number>
  /**
   * Folds all batches up to that number: of those in `living` one presence a user is kept for `changes`, where `isLast` says
   * that she has none in a later batch. Without effect on what readers of the log find. As durable as a batch, and all or
   * nothing like one.
   */
  fold(upTo: number, living: readonly number[], isLast: (user: BareJid, batch: number) => boolean): Promise<void>
  /** Those that readers of the log find. */
  kept(): Promise<readonly KeptBatch[]>
  /**
   * Readers of the log find nothing any more up to that number; what became of grants, only where it was before `grantsBefore`
   * (ms since 1970). As durable as a batch. To be called again and again: a call gives back only so much room as keeps nobody
   * waiting.
   */
  prune(upTo: number, grantsBefore: number): Promise<void>
  /** When the presences were last known to be so, ms since 1970; null: never. */
  knownUntil(): Promise<number | null>
  /** As durable as a batch. */
  saveKnownUntil(time: number): Promise<void>
}
