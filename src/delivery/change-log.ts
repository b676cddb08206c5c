import type { AppId } from '../apps/app.js'
import type { BareJid } from '../presence/jid.js'
import type { LoggedPresence } from '../presence/presence-store.js'

/** What became of a grant: given, paused, resumed, of another scope, or gone. What it is now, the grant itself says. */
export interface GrantEntry {
  readonly appid: AppId
  readonly uid: string
  /** null: it is gone, and nothing names her any more. */
  readonly user: BareJid | null
}

/** What was appended at once: presences or grants. */
export interface LogBatch {
  /** 1 more than the one before. */
  readonly number: number
  /** ms since 1970 */
  readonly at: number
  /** At most one of each user and MOST_IN_BATCH in all. null in the place of who was deleted since. */
  readonly presences: readonly (LoggedPresence | null)[]
  /** At most MOST_IN_BATCH. */
  readonly grants: readonly GrantEntry[]
}

/**
 * The log of changes, as it is read; `PresenceStore` and `GrantStore` append to it, each batch as the next one after all that
 * anybody has appended. Ordered: whoever reads it finds the same batches in the same order, at any time, and a batch
 * only when all before it can be found. What is appended to it survives the end of the process; after a power cut the
 * newest seconds may be missing, and the epoch is another one then. Who deletes her account is in none of its batches any more;
 * the numbers and places of all others stay. Of an app that is removed nothing is appended: nobody reads on for it.
 */
export interface ChangeLog {
  /** 16 hex digits, random. Numbers mean nothing in another epoch. */
  epoch(): Promise<string>
  /** The number of the newest batch; 0: there was none. */
  head(): Promise<number>
  /**
   * The batches after that number, oldest first: all of them or the first few, which end where they have more than
   * `presences`; none: there are none yet. null: not all of them are kept any more.
   */
  after(number: number, presences: number): Promise<readonly LogBatch[] | null>
  /** What became of that app's grants after that number, oldest first. Kept for a week, so also where `after` is null. */
  grantsAfter(appid: AppId, number: number): Promise<readonly (GrantEntry & { readonly number: number })[]>
}
