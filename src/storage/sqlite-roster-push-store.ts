import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import type { RosterPushStore } from '../roster/roster-push-store.js'
import type { Database } from './database.js'

interface Row {
  readonly user: BareJid
  readonly contacts: string
}

const PAGE = 500

export class SqliteRosterPushStore implements RosterPushStore {
  readonly #get: Statement<[string], string>
  readonly #put: Statement<[string, string]>
  readonly #remove: Statement<[string]>
  readonly #page: Statement<[string, number], Row>
  readonly #users: Statement<[string, number], BareJid>

  constructor(database: Database) {
    this.#get = database.prepare<[string], string>('SELECT contacts FROM roster_pushed WHERE user = ?').pluck()
    this.#put = database.prepare('REPLACE INTO roster_pushed (user, contacts) VALUES (?, ?)')
    this.#remove = database.prepare('DELETE FROM roster_pushed WHERE user = ?')
    this.#page = database.prepare('SELECT * FROM roster_pushed WHERE user > ? ORDER BY user LIMIT ?')
    this.#users = database
      .prepare<[string, number], BareJid>('SELECT user FROM roster_pushed WHERE user > ? ORDER BY user LIMIT ?')
      .pluck()
  }

  async pushed(user: BareJid): Promise<string> {
    return this.#get.get(user) ?? ''
  }

  async savePushed(user: BareJid, printed: string): Promise<void> {
    if (printed === '') this.#remove.run(user)
    else this.#put.run(user, printed)
  }

  async pushedUsers(after: string, limit: number): Promise<readonly BareJid[]> {
    return this.#users.all(after, limit)
  }

  /** Everybody's; a page at a time, since a query that is open keeps the database from everybody else. */
  *all(): Generator<readonly [BareJid, string]> {
    for (let rows = this.#page.all('', PAGE), last = rows.at(-1); last; last = rows.at(-1)) {
      for (const { user, contacts } of rows) yield [user, contacts]
      rows = this.#page.all(last.user, PAGE)
    }
  }
}
