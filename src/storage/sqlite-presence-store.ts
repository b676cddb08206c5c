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
  readonly #drop: Statement<[number, number]>
  readonly #dropGrants: Statement<[number]>

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
    this.#drop = database.prepare('DELETE FROM change_batch WHERE number <= min(?, ?) AND grants IS NULL')
    this.#dropGrants = database.prepare('DELETE FROM change_batch WHERE grants IS NOT NULL AND at < ?')
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
      this.#drop.run(upTo, this.#state.pruned)
    })()
  }

  async kept(): Promise<readonly KeptBatch[]> {
    return this.#database
      .prepare<[number], KeptBatch>('SELECT number, at, size FROM change_batch WHERE number > ? ORDER BY number')
      .all(this.#state.pruned)
  }

  async prune(upTo: number, grantsBefore: number): Promise<void> {
    this.#database.transaction(() => {
      this.#state.setPruned(upTo)
      this.#drop.run(upTo, this.#state.folded)
      this.#dropGrants.run(grantsBefore)
    })()
  }

  async knownUntil(): Promise<number | null> {
    const row = this.#database.prepare<[], { at: number }>("SELECT at FROM moment WHERE name = 'known until'").get()
    return row?.at ?? null
  }

  async saveKnownUntil(time: number): Promise<void> {
    this.#database.prepare("REPLACE INTO moment (name, at) VALUES ('known until', ?)").run(time)
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
