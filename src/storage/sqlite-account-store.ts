import type { AccountStore, GoneWithAccount } from '../apps/accounts.js'
import type { AppId } from '../apps/app.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably, emptyLog, StorageError } from './database.js'
import { unpackPresences } from './packed-presence.js'
import { OF_APP } from './sqlite-app-store.js'
import { logGrants } from './sqlite-change-log.js'
import { type GrantRow, grantOf } from './sqlite-grant-store.js'
import { dropFlights } from './sqlite-webhook-store.js'

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
// Of at most 2,000 presences each: a few ms.
const BATCHES_A_TURN = 25
const REWRITTEN_A_CHECKPOINT = 4

export class SqliteAccountStore implements AccountStore {
  readonly #database: Database
  readonly #now: () => number

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database
    this.#now = now
  }

  async remove(user: BareJid, hash: string): Promise<GoneWithAccount> {
    const database = this.#database
    const { last, searched } = await this.#removeSuperseded(user)
    const gone = durably(database, () => {
      const hersAlone = database
        .prepare<[string, string], AppId>(
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
      if (last > 0) this.#removeFrom(last, user)
      // What came since.
      for (const { number, isHers } of this.#batches(searched, user, -1)) if (isHers) this.#removeFrom(number, user)
      this.#takeFromGrants(
        user,
        grants.filter((grant) => grant.user === user && !hersAlone.includes(grant.appid)),
      )
      database.prepare('INSERT OR IGNORE INTO forgotten (hash) VALUES (?)').run(hash)
      return { grants: grants.map(grantOf), apps: hersAlone }
    })
    try {
      emptyLog(database)
    } catch {
      // She is deleted; the next ordinary checkpoint does it, and whoever stores next says what is wrong.
    }
    return gone
  }

  /**
   * Of her presences in the log only the last counts: the others are removed beforehand, in as many turns as that takes, and
   * the deletion itself has little left to do: the last batch that she is in, and those that come after what was searched.
   */
  async #removeSuperseded(user: BareJid): Promise<{ readonly last: number; readonly searched: number }> {
    // Not of what comes meanwhile, which might never end.
    const newest = this.#database.prepare<[], number | null>('SELECT max(number) FROM change_batch').pluck().get() ?? 0
    let rewritten = 0
    let last = 0
    let searched = -1
    for (;;) {
      const batches = this.#batches(searched, user, BATCHES_A_TURN)
      for (const { number, isHers } of batches) {
        if (number > newest) return { last, searched: newest }
        searched = number
        if (!isHers) continue
        if (last > 0) {
          this.#database.transaction(() => this.#removeFrom(last, user))()
          await this.#turn()
          if (++rewritten % REWRITTEN_A_CHECKPOINT === 0) {
            // Little by little: at the end it would keep everybody waiting.
            this.#database.pragma('wal_checkpoint(PASSIVE)')
            await this.#turn()
          }
        }
        last = number
      }
      if (searched >= newest || batches.length < BATCHES_A_TURN) return { last, searched }
      await this.#turn()
    }
  }

  /** Lets others have theirs. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (!this.#database.open) throw new StorageError('the database was closed')
  }

  #batches(after: number, user: BareJid, limit: number): { readonly number: number; readonly isHers: number }[] {
    return this.#database
      .prepare<[string, number, number], { number: number; isHers: number }>(
        `SELECT number, instr(presences, ?) > 0 AS isHers FROM change_batch
         WHERE number > ? ORDER BY number LIMIT ?`,
      )
      .all(`[${JSON.stringify(user)},`, after, limit)
  }

  /** Nothing names her in what became of hers, those of before included. */
  #takeFromGrants(user: BareJid, grants: readonly GrantRow[]): void {
    // How an entry ends; no string within one can look like it.
    const hers = `,${JSON.stringify(user)}]`
    this.#database
      .prepare(
        `UPDATE change_batch INDEXED BY change_batch_grants SET grants = replace(grants, ?, ',null]')
         WHERE grants IS NOT NULL AND instr(grants, ?) > 0`,
      )
      .run(hers, hers)
    const gone = grants.map(({ appid, uid }) => ({ appid, uid, user: null }))
    if (gone.length > 0) logGrants(this.#database, gone, this.#now())
    for (const { appid, uid } of grants) dropFlights(this.#database, appid, uid)
  }

  /** Each batch is an array of rows that begin with the user. The place of hers stays: places are numbers, too. */
  #removeFrom(number: number, user: BareJid): void {
    const presences = this.#database
      .prepare<[number], string>('SELECT presences FROM change_batch WHERE number = ?')
      .pluck()
      .get(number)
    // Folded meanwhile.
    if (presences === undefined) return
    const others = unpackPresences(presences).map((packed) => (packed?.[0] === user ? null : packed))
    this.#database.prepare('UPDATE change_batch SET presences = ? WHERE number = ?').run(JSON.stringify(others), number)
  }
}
