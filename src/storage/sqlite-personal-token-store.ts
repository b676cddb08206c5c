import type { PersonalToken, PersonalTokenStore } from '../accounts/personal-token.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably } from './database.js'

const COLUMNS = 'id, user, name, created_at AS createdAt'

export class SqlitePersonalTokenStore implements PersonalTokenStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async find(hash: string): Promise<PersonalToken | null> {
    return (
      this.#database
        .prepare<[string], PersonalToken>(`SELECT ${COLUMNS} FROM personal_token WHERE hash = ?`)
        .get(hash) ?? null
    )
  }

  async ofUser(user: BareJid): Promise<readonly PersonalToken[]> {
    return this.#database
      .prepare<[string], PersonalToken>(
        `SELECT ${COLUMNS} FROM personal_token WHERE user = ? ORDER BY created_at DESC, id`,
      )
      .all(user)
  }

  async save({ id, user, name, createdAt }: PersonalToken, hash: string): Promise<void> {
    durably(this.#database, () =>
      this.#database
        .prepare('INSERT INTO personal_token (id, hash, user, name, created_at) VALUES (?, ?, ?, ?, ?)')
        .run(id, hash, user, name, createdAt),
    )
  }

  async remove(user: BareJid, id: string): Promise<boolean> {
    const { changes } = durably(this.#database, () =>
      this.#database.prepare('DELETE FROM personal_token WHERE user = ? AND id = ?').run(user, id),
    )
    return changes > 0
  }
}
