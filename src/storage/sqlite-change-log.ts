import type { Statement } from 'better-sqlite3'
import type { AppId } from '../apps/app.js'
import type { ChangeLog, GrantEntry, LogBatch } from '../delivery/change-log.js'
import { showOf } from '../presence/presence.js'
import { type LoggedPresence, MOST_IN_BATCH } from '../presence/presence-store.js'
import { ChangeLogState } from './change-log-state.js'
import type { Database } from './database.js'
import { type PackedPresence, unpackPresences } from './packed-presence.js'

interface Row {
  readonly number: number
  readonly at: number
  readonly presences: string
  readonly grants: string | null
}

const BATCHES_AT_ONCE = 200

/** Reads what `SqlitePresenceStore` appends, and `logGrants`. */
export class SqliteChangeLog implements ChangeLog {
  readonly #state: ChangeLogState
  readonly #head: Statement<[], number | null>
  readonly #after: Statement<[number, number], Row>
  readonly #grants: Statement<[number, string], Row>

  constructor(database: Database) {
    this.#state = new ChangeLogState(database)
    this.#head = database.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'change_batch'").pluck()
    this.#after = database.prepare('SELECT * FROM change_batch WHERE number > ? ORDER BY number LIMIT ?')
    this.#grants = database.prepare(
      `SELECT * FROM change_batch INDEXED BY change_batch_grants
       WHERE grants IS NOT NULL AND number > ? AND instr(grants, ?) > 0 ORDER BY number`,
    )
  }

  async epoch(): Promise<string> {
    return this.#state.epoch
  }

  async head(): Promise<number> {
    return this.#head.get() ?? 0
  }

  async after(number: number, presences: number): Promise<readonly LogBatch[] | null> {
    if (number < this.#state.pruned) return null
    const batches: LogBatch[] = []
    let count = 0
    for (const row of this.#after.iterate(number, BATCHES_AT_ONCE)) {
      const batch = batchOf(row)
      batches.push(batch)
      count += batch.presences.length
      if (count > presences) break
    }
    return batches
  }

  async grantsAfter(appid: AppId, number: number): Promise<readonly (GrantEntry & { readonly number: number })[]> {
    return this.#grants
      .all(number, JSON.stringify(appid))
      .flatMap((row) => batchOf(row).grants.map((entry) => ({ ...entry, number: row.number })))
      .filter((entry) => entry.appid === appid)
  }
}

/** Appends what became of grants, within the transaction in which it does. Returns the number of the last batch. */
export function logGrants(database: Database, entries: readonly GrantEntry[], at: number): number {
  const append = database.prepare("INSERT INTO change_batch (presences, grants, at) VALUES ('[]', ?, ?)")
  let number = 0
  for (let first = 0; first < entries.length; first += MOST_IN_BATCH) {
    const packed = entries.slice(first, first + MOST_IN_BATCH).map(({ appid, uid, user }) => [appid, uid, user])
    number = Number(append.run(JSON.stringify(packed), at).lastInsertRowid)
  }
  return number
}

function batchOf({ number, at, presences, grants }: Row): LogBatch {
  const entries: readonly [AppId, string, GrantEntry['user']][] = grants === null ? [] : JSON.parse(grants)
  return {
    number,
    at,
    presences: unpackPresences(presences).map((packed) => packed && presenceOf(packed)),
    grants: entries.map(([appid, uid, user]) => ({ appid, uid, user })),
  }
}

function presenceOf([
  user,
  show,
  text,
  shownSince,
  idleSince,
  resource,
  priority,
  was,
]: PackedPresence): LoggedPresence {
  const shown = showOf(show) ?? 'unknown'
  return { user, show: shown, text, shownSince, idleSince, resource, priority, was: showOf(was ?? '') ?? 'unknown' }
}
