import type { Database } from './database.js'

/** What stands in the file alone, and nowhere in memory; of the log, what became of grants: readers may have been away for a week. */
const TABLES = [
  'roster',
  'roster_pushed',
  'roster_copy',
  'session',
  'personal_token',
  'app',
  'app_icon',
  'app_member',
  'app_grant',
  'change_batch',
  'webhook',
  'webhook_delivery',
]
const WHICH: Readonly<Record<string, string>> = { change_batch: 'grants IS NOT NULL' }
const PAGE = 1000

/** What can be read of a database that is damaged or gone. */
export class Salvage {
  readonly #database: Database
  /** The tables of which not all could be read, so far. */
  readonly lost = new Set<string>()

  constructor(database: Database) {
    this.#database = database
  }

  *tables(): Generator<readonly [string, Iterable<readonly unknown[]>]> {
    for (const table of TABLES) yield [table, this.#rows(table)]
  }

  /** A page at a time: in between, others use the database. */
  *#rows(table: string): Generator<readonly unknown[]> {
    try {
      const columns = this.#database.prepare<[], { name: string; pk: number }>(`PRAGMA table_info(${table})`).all()
      const key = columns.filter(({ pk }) => pk > 0).map(({ name }) => name)
      const select = `SELECT * FROM ${table} WHERE ${WHICH[table] ?? 'TRUE'}`
      const order = `ORDER BY ${key} LIMIT ${PAGE}`
      const after = this.#database
        .prepare<unknown[], unknown[]>(`${select} AND (${key}) > (${key.map(() => '?')}) ${order}`)
        .raw()
      let rows = this.#database.prepare<[], unknown[]>(`${select} ${order}`).raw().all()
      for (let last = rows.at(-1); last; last = rows.at(-1)) {
        yield* rows
        rows = after.all(...last.filter((_, column) => columns[column]?.pk))
      }
    } catch {
      this.lost.add(table)
    }
  }
}
