import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import type { PresenceStore, StoredPresence } from '../presence/presence-store.js'
import type { Database } from './database.js'

interface Row {
  readonly user: string
  readonly show: string
  readonly text: string | null
  readonly shown_since: number | null
  readonly idle_since: number | null
  readonly resource: string | null
  readonly priority: number
}

export class SqlitePresenceStore implements PresenceStore {
  readonly #database: Database
  readonly #all: Statement<[], Row>
  readonly #put: Statement<unknown[]>
  readonly #remove: Statement<[string]>

  constructor(database: Database) {
    this.#database = database
    this.#all = database.prepare('SELECT * FROM presence')
    this.#put = database.prepare(
      `INSERT INTO presence (user, show, text, shown_since, idle_since, resource, priority)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (user) DO UPDATE SET show = excluded.show, text = excluded.text, shown_since = excluded.shown_since,
         idle_since = excluded.idle_since, resource = excluded.resource, priority = excluded.priority`,
    )
    this.#remove = database.prepare('DELETE FROM presence WHERE user = ?')
  }

  async presences(): Promise<Iterable<StoredPresence>> {
    return this.#read()
  }

  async savePresences(changed: readonly StoredPresence[], gone: readonly BareJid[]): Promise<void> {
    this.#database.transaction(() => {
      for (const { user, show, text, shownSince, idleSince, resource, priority } of changed) {
        this.#put.run(user, show, text, shownSince, idleSince, resource, priority)
      }
      for (const user of gone) this.#remove.run(user)
    })()
  }

  async knownUntil(): Promise<number | null> {
    const row = this.#database.prepare<[], { at: number }>("SELECT at FROM moment WHERE name = 'known until'").get()
    return row?.at ?? null
  }

  async saveKnownUntil(time: number): Promise<void> {
    this.#database.prepare("REPLACE INTO moment (name, at) VALUES ('known until', ?)").run(time)
  }

  *#read(): Generator<StoredPresence> {
    for (const row of this.#all.iterate()) {
      yield {
        user: row.user as BareJid,
        show: row.show as StoredPresence['show'],
        text: row.text,
        shownSince: row.shown_since,
        idleSince: row.idle_since,
        resource: row.resource,
        priority: row.priority,
      }
    }
  }
}
