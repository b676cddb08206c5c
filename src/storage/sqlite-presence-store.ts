import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import { showOf } from '../presence/presence.js'
import type { KeptBatch, LoggedPresence, PresenceStore, StoredChange } from '../presence/presence-store.js'
import { ChangeLogState } from './change-log-state.js'
import type { Database } from './database.js'
import { type PackedPresence, packPresence, unpackPresences } from './packed-presence.js'

interface Row {
  readonly user: string
  readonly show: string
  readonly text: string | null
  readonly shown_since: number | null
  readonly idle_since: number | null
  readonly resource: string | null
  readonly priority: number
}

// A hundredth of a second's work; more than come in a second.
const PRESENCES_DROPPED = 100_000
const BATCHES_DROPPED = 2000

/**
 * Appends each batch as one row of `change_batch`, and folds the oldest into `presence`, which has one row a user. To
 * write there is ten times as dear; who changes often is never written there.
 */
export class SqlitePresenceStore implements PresenceStore {
  readonly #database: Database
  readonly #state: ChangeLogState
  readonly #append: Statement<[string, number, number]>
  readonly #presencesOf: Statement<[number], string>
  readonly #keep: Statement<unknown[]>
  readonly #forget: Statement<[string]>
  readonly #sizes: Statement<[number, number, number], { number: number; size: number }>
  readonly #drop: Statement<[number, number]>
  readonly #dropGrants: Statement<[number]>
  /** No presences are left up to that number. */
  #dropped = 0

  constructor(database: Database) {
    this.#database = database
    this.#state = new ChangeLogState(database)
    this.#append = database.prepare('INSERT INTO change_batch (presences, at, size) VALUES (?, ?, ?)')
    this.#presencesOf = database
      .prepare<[number], string>('SELECT presences FROM change_batch WHERE number = ?')
      .pluck()
    this.#keep = database.prepare(
      `REPLACE INTO presence (user, show, text, shown_since, idle_since, resource, priority)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#forget = database.prepare('DELETE FROM presence WHERE user = ?')
    this.#sizes = database.prepare(
      'SELECT number, size FROM change_batch WHERE number > ? AND number <= ? ORDER BY number LIMIT ?',
    )
    this.#drop = database.prepare('DELETE FROM change_batch WHERE number > ? AND number <= ? AND grants IS NULL')
    // Times follow numbers: those that are kept need not be looked at.
    this.#dropGrants = database.prepare(
      `DELETE FROM change_batch INDEXED BY change_batch_grants WHERE grants IS NOT NULL AND number < coalesce(
         (SELECT number FROM change_batch INDEXED BY change_batch_grants
          WHERE grants IS NOT NULL AND at >= ? ORDER BY number LIMIT 1), 1e18)`,
    )
  }

  async changes(): Promise<Iterable<StoredChange>> {
    return this.#read()
  }

  async append(presences: readonly LoggedPresence[], at: number): Promise<number> {
    const packed = JSON.stringify(presences.map(packPresence))
    return Number(this.#append.run(packed, at, presences.length).lastInsertRowid)
  }

  async fold(
    upTo: number,
    living: readonly number[],
    isLast: (user: BareJid, batch: number) => boolean,
  ): Promise<void> {
    this.#database.transaction(() => {
      for (const number of living) {
        for (const packed of unpackPresences(this.#presencesOf.get(number))) {
          if (packed === null) continue
          const [user, show] = packed
          if (!isLast(user, number)) continue
          if (show === 'unknown') this.#forget.run(user)
          else this.#keep.run(...columnsOf(packed))
        }
      }
      this.#state.setFolded(upTo)
    })()
  }

  async kept(): Promise<readonly KeptBatch[]> {
    return this.#database
      .prepare<[number], KeptBatch>('SELECT number, at, size FROM change_batch WHERE number > ? ORDER BY number')
      .all(this.#state.pruned)
  }

  async prune(upTo: number, grantsBefore: number): Promise<void> {
    const dropped = this.#nextDropped(upTo)
    this.#database.transaction(() => {
      this.#state.setPruned(upTo)
      this.#drop.run(this.#dropped, dropped)
      this.#dropGrants.run(grantsBefore)
    })()
    this.#dropped = dropped
  }

  async knownUntil(): Promise<number | null> {
    const row = this.#database.prepare<[], { at: number }>("SELECT at FROM moment WHERE name = 'known until'").get()
    return row?.at ?? null
  }

  async saveKnownUntil(time: number): Promise<void> {
    this.#database.prepare("REPLACE INTO moment (name, at) VALUES ('known until', ?)").run(time)
  }

  /** What is pruned and folded goes a slice a call: after a long time of being stopped that is all there is. */
  #nextDropped(pruned: number): number {
    const end = Math.min(this.#state.folded, Math.max(pruned, this.#state.pruned))
    let presences = 0
    let batches = 0
    for (const { number, size } of this.#sizes.iterate(this.#dropped, end, BATCHES_DROPPED)) {
      batches++
      presences += size
      if (batches === BATCHES_DROPPED || presences >= PRESENCES_DROPPED) return number
    }
    return Math.max(this.#dropped, end)
  }

  *#read(): Generator<StoredChange> {
    for (const row of this.#database.prepare<[], Row>('SELECT * FROM presence').iterate()) {
      const presence = {
        user: row.user as BareJid,
        show: showOf(row.show) ?? 'unknown',
        text: row.text,
        shownSince: row.shown_since,
        idleSince: row.idle_since,
        resource: row.resource,
        priority: row.priority,
      }
      yield { batch: 0, presence }
    }
    const batches = this.#database.prepare<[number], { number: number; presences: string }>(
      'SELECT number, presences FROM change_batch WHERE number > ? AND grants IS NULL ORDER BY number',
    )
    for (const { number, presences } of batches.iterate(this.#state.folded)) {
      for (const packed of unpackPresences(presences)) {
        if (packed === null) continue
        const [user, show, text, shownSince, idleSince, resource, priority] = packed
        yield { batch: number, presence: { user, show, text, shownSince, idleSince, resource, priority } }
      }
    }
  }
}

function columnsOf([user, show, text, shownSince, idleSince, resource, priority]: PackedPresence) {
  return [user, show, text, shownSince, idleSince, resource, priority]
}
