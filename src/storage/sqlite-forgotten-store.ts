import type { ForgottenStore } from '../accounts/forgotten.js'
import { type Database, durably } from './database.js'

export class SqliteForgottenStore implements ForgottenStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async all(): Promise<Iterable<string>> {
    return this.#database.prepare<[], string>('SELECT hash FROM forgotten').pluck().all()
  }

  async remove(hash: string): Promise<void> {
    durably(this.#database, () => this.#database.prepare('DELETE FROM forgotten WHERE hash = ?').run(hash))
  }
}
