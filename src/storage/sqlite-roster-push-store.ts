import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import type { RosterPushStore } from '../roster/roster-push-store.js'
import type { Database } from './database.js'

export class SqliteRosterPushStore implements RosterPushStore {
  readonly #get: Statement<[string], string>
  readonly #put: Statement<[string, string]>
  readonly #remove: Statement<[string]>
  readonly #users: Statement<[string, number], BareJid>

  constructor(database: Database) {
    this.#get = database.prepare<[string], string>('SELECT contacts FROM roster_pushed WHERE user = ?').pluck()
    this.#put = database.prepare('REPLACE INTO roster_pushed (user, contacts) VALUES (?, ?)')
    this.#remove = database.prepare('DELETE FROM roster_pushed WHERE user = ?')
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
}
