import type { Session, SessionStore } from '../accounts/session.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably } from './database.js'

const COLUMNS = 'id, user, browser, address, created_at AS createdAt, used_at AS usedAt'

export class SqliteSessionStore implements SessionStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async find(id: string): Promise<Session | null> {
    return this.#database.prepare<[string], Session>(`SELECT ${COLUMNS} FROM session WHERE id = ?`).get(id) ?? null
  }

  async ofUser(user: BareJid): Promise<readonly Session[]> {
    return this.#database
      .prepare<[string], Session>(`SELECT ${COLUMNS} FROM session WHERE user = ? ORDER BY created_at DESC, id`)
      .all(user)
  }

  async save({ id, user, browser, address, createdAt, usedAt }: Session): Promise<void> {
    this.#durably(
      'INSERT INTO session (id, user, browser, address, created_at, used_at) VALUES (?, ?, ?, ?, ?, ?)',
      id,
      user,
      browser,
      address,
      createdAt,
      usedAt,
    )
  }

  async used(id: string, at: number): Promise<void> {
    this.#database.prepare('UPDATE session SET used_at = ? WHERE id = ?').run(at, id)
  }

  async remove(id: string): Promise<void> {
    this.#durably('DELETE FROM session WHERE id = ?', id)
  }

  async removeOfUser(user: BareJid): Promise<void> {
    this.#durably('DELETE FROM session WHERE user = ?', user)
  }

  async removeUnusedSince(time: number): Promise<void> {
    this.#durably('DELETE FROM session WHERE used_at <= ?', time)
  }

  #durably(sql: string, ...values: (string | number)[]): void {
    durably(this.#database, () => this.#database.prepare(sql).run(...values))
  }
}
