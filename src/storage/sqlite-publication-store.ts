import type { BareJid } from '../presence/jid.js'
import type { Publication, PublicationChoice, PublicationStore } from '../presence/publication.js'
import { type Database, durably } from './database.js'

export class SqlitePublicationStore implements PublicationStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async choices(): Promise<ReadonlyMap<BareJid, Publication>> {
    const rows = this.#database.prepare<[], { user: BareJid; choice: Publication }>('SELECT * FROM publication').all()
    return new Map(rows.map(({ user, choice }) => [user, choice]))
  }

  async saveChoice(user: BareJid, choice: PublicationChoice): Promise<void> {
    durably(this.#database, () => {
      if (choice === 'domain') this.#database.prepare('DELETE FROM publication WHERE user = ?').run(user)
      else this.#database.prepare('REPLACE INTO publication (user, choice) VALUES (?, ?)').run(user, choice)
    })
  }
}
