import type { AccountStore } from '../apps/accounts.js'
import type { Grant } from '../apps/grant.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably } from './database.js'
import { type GrantRow, grantOf } from './sqlite-grant-store.js'

/** In which everything a user has stands under her JID. */
const HERS = [
  'session',
  'personal_token',
  'app_grant',
  'app_member',
  'publication',
  'public_link',
  'subscription',
  'presence',
]
const OF_APP = ['app_grant', 'app_icon', 'app_member', 'app']

export class SqliteAccountStore implements AccountStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async remove(user: BareJid, hash: string): Promise<readonly Grant[]> {
    const database = this.#database
    return durably(database, () => {
      const hersAlone = database
        .prepare<[string, string], string>(
          `SELECT appid FROM app_member WHERE user = ?
           AND appid NOT IN (SELECT appid FROM app_member WHERE user <> ?)`,
        )
        .pluck()
        .all(user, user)
      const apps = JSON.stringify(hersAlone)
      const theirs = 'appid IN (SELECT value FROM json_each(?))'
      const grants = database
        .prepare<[string, string], GrantRow>(`SELECT * FROM app_grant WHERE user = ? OR ${theirs}`)
        .all(user, apps)
      for (const table of OF_APP) database.prepare(`DELETE FROM ${table} WHERE ${theirs}`).run(apps)
      for (const table of HERS) database.prepare(`DELETE FROM ${table} WHERE user = ?`).run(user)
      this.#removeFromBatches(user)
      database.prepare('INSERT OR IGNORE INTO forgotten (hash) VALUES (?)').run(hash)
      return grants.map(grantOf)
    })
  }

  /** Each is an array of rows that begin with the user. */
  #removeFromBatches(user: BareJid): void {
    const numbers = this.#database
      .prepare<[string], number>('SELECT number FROM presence_batch WHERE instr(presences, ?) > 0')
      .pluck()
      .all(`[${JSON.stringify(user)},`)
    const select = this.#database
      .prepare<[number], string>('SELECT presences FROM presence_batch WHERE number = ?')
      .pluck()
    const update = this.#database.prepare('UPDATE presence_batch SET presences = ? WHERE number = ?')
    for (const number of numbers) {
      const presences = JSON.parse(select.get(number) ?? '[]') as unknown[][]
      update.run(JSON.stringify(presences.filter(([whose]) => whose !== user)), number)
    }
  }
}
