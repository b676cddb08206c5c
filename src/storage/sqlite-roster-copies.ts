import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import type { RosterCopies, RosterCopy } from '../roster/roster-copies.js'
import type { Database } from './database.js'

interface Waiting {
  readonly user: BareJid
  readonly copy: RosterCopy
  resolve(): void
  reject(error: unknown): void
}

export class SqliteRosterCopies implements RosterCopies {
  readonly #database: Database
  readonly #get: Statement<[string], RosterCopy>
  readonly #put: Statement<[string, string, number]>
  #waiting: Waiting[] = []

  constructor(database: Database) {
    this.#database = database
    this.#get = database.prepare('SELECT contacts, fetched_at AS fetchedAt FROM roster_copy WHERE user = ?')
    this.#put = database.prepare('REPLACE INTO roster_copy (user, contacts, fetched_at) VALUES (?, ?, ?)')
  }

  async copyOf(user: BareJid): Promise<RosterCopy | null> {
    return this.#get.get(user) ?? null
  }

  saveCopy(user: BareJid, copy: RosterCopy): Promise<void> {
    return new Promise((resolve, reject) => {
      // What an upstream answers in one turn is one transaction: everybody may log in at once.
      if (this.#waiting.push({ user, copy, resolve, reject }) === 1) setImmediate(() => this.#save())
    })
  }

  #save(): void {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      this.#database.transaction(() => {
        for (const { user, copy } of waiting) this.#put.run(user, copy.contacts, copy.fetchedAt)
      })()
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}
