import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import { showOf } from '../presence/presence.js'
import type { PresenceStore, StoredChange, StoredPresence } from '../presence/presence-store.js'
import type { Database } from './database.js'

interface Row {
  readonly user: string
  readonly show: string
  readonly text: string | null
  readonly shown_since: number | null
  readonly idle_since: number | null
  readonly resource: string | null
  readonly priority: number
}

/** A presence within a batch, in the order of the columns of `presence`. */
type Packed = readonly [
  user: BareJid,
  show: StoredPresence['show'],
  text: string | null,
  shownSince: number | null,
  idleSince: number | null,
  resource: string | null,
  priority: number,
]

/**
 * Appends each batch as one row of `presence_batch`, and folds the oldest into `presence`, which has one row a user. To
 * write there is ten times as dear; who changes often is never written there.
 */
export class SqlitePresenceStore implements PresenceStore {
  readonly #database: Database
  readonly #append: Statement<[string]>
  readonly #presencesOf: Statement<[number], string>
  readonly #keep: Statement<unknown[]>
  readonly #forget: Statement<[string]>
  readonly #drop: Statement<[number]>

  constructor(database: Database) {
    this.#database = database
    this.#append = database.prepare('INSERT INTO presence_batch (presences) VALUES (?)')
    this.#presencesOf = database
      .prepare<[number], string>('SELECT presences FROM presence_batch WHERE number = ?')
      .pluck()
    this.#keep = database.prepare(
      `REPLACE INTO presence (user, show, text, shown_since, idle_since, resource, priority)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#forget = database.prepare('DELETE FROM presence WHERE user = ?')
    this.#drop = database.prepare('DELETE FROM presence_batch WHERE number <= ?')
  }

  async changes(): Promise<Iterable<StoredChange>> {
    return this.#read()
  }

  async append(presences: readonly StoredPresence[]): Promise<number> {
    return Number(this.#append.run(JSON.stringify(presences.map(pack))).lastInsertRowid)
  }

  async fold(
    upTo: number,
    living: readonly number[],
    isLast: (user: BareJid, batch: number) => boolean,
  ): Promise<void> {
    this.#database.transaction(() => {
      for (const number of living) {
        for (const packed of unpack(this.#presencesOf.get(number))) {
          const [user, show] = packed
          if (!isLast(user, number)) continue
          if (show === 'unknown') this.#forget.run(user)
          else this.#keep.run(...packed)
        }
      }
      this.#drop.run(upTo)
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
    const batches = this.#database.prepare<[], { number: number; presences: string }>(
      'SELECT * FROM presence_batch ORDER BY number',
    )
    for (const { number, presences } of batches.iterate()) {
      for (const [user, show, text, shownSince, idleSince, resource, priority] of unpack(presences)) {
        yield { batch: number, presence: { user, show, text, shownSince, idleSince, resource, priority } }
      }
    }
  }
}

function pack({ user, show, text, shownSince, idleSince, resource, priority }: StoredPresence): Packed {
  return [user, show, text, shownSince, idleSince, resource, priority]
}

function unpack(presences: string | undefined): readonly Packed[] {
  return presences === undefined ? [] : JSON.parse(presences)
}
