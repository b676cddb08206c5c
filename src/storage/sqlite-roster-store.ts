import type { Statement } from 'better-sqlite3'
import { type BareJid, domainOf } from '../presence/jid.js'
import type { RosterStore } from '../roster/roster-store.js'
import { type Database, durably } from './database.js'

/** One row a user. */
export class SqliteRosterStore implements RosterStore {
  readonly #database: Database
  readonly #get: Statement<[string, string], string>
  readonly #put: Statement<[string, string, string]>
  readonly #remove: Statement<[string, string]>
  readonly #users: Statement<[string, string, number], string>

  constructor(database: Database) {
    this.#database = database
    this.#get = database
      .prepare<[string, string], string>('SELECT contacts FROM roster WHERE domain = ? AND username = ?')
      .pluck()
    this.#put = database.prepare('REPLACE INTO roster (domain, username, contacts) VALUES (?, ?, ?)')
    this.#remove = database.prepare('DELETE FROM roster WHERE domain = ? AND username = ?')
    this.#users = database
      .prepare<[string, string, number], string>(
        'SELECT username FROM roster WHERE domain = ? AND username > ? ORDER BY username LIMIT ?',
      )
      .pluck()
  }

  async printed(user: BareJid): Promise<string> {
    return this.#get.get(...split(user)) ?? ''
  }

  async save(printed: ReadonlyMap<BareJid, string>): Promise<void> {
    durably(this.#database, () => {
      for (const [user, contacts] of printed) {
        if (contacts === '') this.#remove.run(...split(user))
        else this.#put.run(...split(user), contacts)
      }
    })
  }

  async users(domain: string, after: string, limit: number): Promise<readonly BareJid[]> {
    return this.#users.all(domain, after, limit).map((username) => `${username}@${domain}` as BareJid)
  }
}

function split(user: BareJid): [domain: string, username: string] {
  const domain = domainOf(user)
  return [domain, user.slice(0, -domain.length - 1)]
}
