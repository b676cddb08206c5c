import type { PublicLinkStore } from '../accounts/public-links.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably } from './database.js'

export class SqlitePublicLinkStore implements PublicLinkStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async all(): Promise<Iterable<readonly [BareJid, string]>> {
    return this.#database.prepare<[], [BareJid, string]>('SELECT user, hash FROM public_link').raw().all()
  }

  async save(user: BareJid, hash: string): Promise<void> {
    durably(this.#database, () => {
      this.#database.prepare('REPLACE INTO public_link (user, hash) VALUES (?, ?)').run(user, hash)
    })
  }

  async remove(user: BareJid): Promise<void> {
    durably(this.#database, () => this.#database.prepare('DELETE FROM public_link WHERE user = ?').run(user))
  }
}
