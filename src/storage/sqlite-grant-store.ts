import type { Statement } from 'better-sqlite3'
import type { AppId, Scope } from '../apps/app.js'
import type { Grant, GrantStore } from '../apps/grant.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably } from './database.js'
import { logGrants } from './sqlite-change-log.js'
import { dropFlights } from './sqlite-webhook-store.js'

export interface GrantRow {
  readonly user: BareJid
  readonly appid: AppId
  readonly uid: string
  /** Separated by spaces. */
  readonly scope: string
  readonly paused: number
  readonly granted_at: number
  readonly changed_in: number
}

export class SqliteGrantStore implements GrantStore {
  readonly #database: Database
  readonly #now: () => number
  /** By what they look for. */
  readonly #selects = new Map<string, Statement<unknown[], GrantRow>>()

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database
    this.#now = now
  }

  async find(user: BareJid, appid: AppId): Promise<Grant | null> {
    return this.#select('user = ? AND appid = ?', user, appid)[0] ?? null
  }

  async byUid(uid: string): Promise<Grant | null> {
    return this.#select('uid = ?', uid)[0] ?? null
  }

  async ofUser(user: BareJid): Promise<readonly Grant[]> {
    return this.#select('user = ? ORDER BY granted_at, appid', user)
  }

  async ofApp(appid: AppId, after: BareJid | '', limit: number): Promise<readonly Grant[]> {
    return this.#select('appid = ? AND user > ? ORDER BY user LIMIT ?', appid, after, limit)
  }

  async countOfApp(appid: AppId): Promise<number> {
    const count = this.#database.prepare<[string], number>('SELECT count(*) FROM app_grant WHERE appid = ?').pluck()
    return count.get(appid) ?? 0
  }

  async users(): Promise<Iterable<BareJid>> {
    return this.#database.prepare<[], BareJid>('SELECT DISTINCT user FROM app_grant').pluck().all()
  }

  async save(grant: Omit<Grant, 'changedIn'>): Promise<Grant> {
    const { user, appid, uid, scope, paused, grantedAt } = grant
    return durably(this.#database, () => {
      const changedIn = logGrants(this.#database, [{ appid, uid, user }], this.#now())
      this.#database
        .prepare(
          `INSERT INTO app_grant (user, appid, uid, scope, paused, granted_at, changed_in) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (user, appid) DO UPDATE SET
             uid = excluded.uid, scope = excluded.scope, paused = excluded.paused, granted_at = excluded.granted_at,
             changed_in = excluded.changed_in`,
        )
        .run(user, appid, uid, scope.join(' '), paused ? 1 : 0, grantedAt, changedIn)
      dropFlights(this.#database, appid, uid)
      return { ...grant, changedIn }
    })
  }

  async remove(user: BareJid, appid: AppId): Promise<boolean> {
    return durably(this.#database, () => {
      const remove = this.#database
        .prepare<[string, string], string>('DELETE FROM app_grant WHERE user = ? AND appid = ? RETURNING uid')
        .pluck()
      const uid = remove.get(user, appid)
      if (uid === undefined) return false
      logGrants(this.#database, [{ appid, uid, user: null }], this.#now())
      dropFlights(this.#database, appid, uid)
      return true
    })
  }

  #select(where: string, ...values: unknown[]): Grant[] {
    let select = this.#selects.get(where)
    if (!select) {
      select = this.#database.prepare(`SELECT * FROM app_grant WHERE ${where}`)
      this.#selects.set(where, select)
    }
    return select.all(...values).map(grantOf)
  }
}

export function grantOf({ user, appid, uid, scope, paused, granted_at, changed_in }: GrantRow): Grant {
  const words = scope.split(' ') as Scope[]
  return { user, appid, uid, scope: words, paused: paused === 1, grantedAt: granted_at, changedIn: changed_in }
}
