import type { Statement } from 'better-sqlite3'
import type { App, AppIcon, AppId, Scope } from '../apps/app.js'
import type { AppStore, KeyHashes } from '../apps/app-store.js'
import type { Grant } from '../apps/grant.js'
import type { BareJid } from '../presence/jid.js'
import { type Database, durably } from './database.js'
import { type GrantRow, grantOf } from './sqlite-grant-store.js'

interface Row {
  readonly appid: AppId
  readonly domain: string
  readonly name: string
  readonly description: string
  /** Separated by spaces. */
  readonly scope: string
  /** A JSON array, as `members`. */
  readonly hosts: string
  readonly members: string
  readonly created_at: number
  readonly verified_at: number | null
  readonly active: number
  readonly has_icon: number
  readonly webhook: string | null
}

const SELECT = `
  SELECT appid, domain, name, description, scope, hosts, created_at, verified_at, active, webhook,
    (SELECT json_group_array(user) FROM (SELECT user FROM app_member m WHERE m.appid = app.appid ORDER BY user)) AS members,
    EXISTS (SELECT 1 FROM app_icon i WHERE i.appid = app.appid) AS has_icon
  FROM app`

/** All that stands under an appid. */
export const OF_APP = ['app_grant', 'app_icon', 'app_member', 'webhook', 'webhook_delivery', 'app'] as const

export class SqliteAppStore implements AppStore {
  readonly #database: Database
  // Each stream that is opened asks for them, and to prepare takes longer than to ask.
  readonly #find: Statement<[string], Row>
  readonly #keys: Statement<[string], KeyHashes>

  constructor(database: Database) {
    this.#database = database
    this.#find = database.prepare(`${SELECT} WHERE appid = ?`)
    this.#keys = database.prepare(
      'SELECT key_hash AS key, old_key_hash AS old, old_key_until AS oldUntil FROM app WHERE appid = ?',
    )
  }

  async find(appid: AppId): Promise<App | null> {
    const row = this.#find.get(appid)
    return row ? appOf(row) : null
  }

  async ofMember(user: BareJid): Promise<readonly App[]> {
    const mine = `${SELECT} WHERE appid IN (SELECT appid FROM app_member WHERE user = ?) ORDER BY created_at, appid`
    return this.#database.prepare<[string], Row>(mine).all(user).map(appOf)
  }

  async add(app: App): Promise<void> {
    durably(this.#database, () => {
      this.#database
        .prepare(
          `INSERT INTO app (appid, domain, name, description, scope, hosts, created_at, verified_at, active, webhook, webhook_generation)
           VALUES (@appid, @domain, @name, @description, @scope, @hosts, @createdAt, @verifiedAt, @active, @webhook, 0)`,
        )
        .run(columnsOf(app))
      for (const [n, user] of app.members.entries()) this.#insertMember(app.appid, user, n === 0)
    })
  }

  async save(app: App): Promise<void> {
    durably(this.#database, () =>
      this.#database
        .prepare(
          `UPDATE app SET domain = @domain, name = @name, description = @description, scope = @scope, hosts = @hosts,
             created_at = @createdAt, verified_at = @verifiedAt, active = @active, webhook = @webhook
           WHERE appid = @appid`,
        )
        .run(columnsOf(app)),
    )
  }

  async keys(appid: AppId): Promise<KeyHashes> {
    return this.#keys.get(appid) ?? { key: null, old: null, oldUntil: null }
  }

  async saveKeys(appid: AppId, keys: KeyHashes): Promise<void> {
    durably(this.#database, () =>
      this.#database
        .prepare('UPDATE app SET key_hash = @key, old_key_hash = @old, old_key_until = @oldUntil WHERE appid = @appid')
        .run({ ...keys, appid }),
    )
  }

  async icon(appid: AppId): Promise<AppIcon | null> {
    const select = this.#database.prepare<[string], AppIcon>('SELECT type, image FROM app_icon WHERE appid = ?')
    return select.get(appid) ?? null
  }

  async saveIcon(appid: AppId, icon: AppIcon | null): Promise<void> {
    durably(this.#database, () => {
      if (icon === null) this.#database.prepare('DELETE FROM app_icon WHERE appid = ?').run(appid)
      else
        this.#database
          .prepare('REPLACE INTO app_icon (appid, type, image) SELECT appid, ?, ? FROM app WHERE appid = ?')
          .run(icon.type, icon.image, appid)
    })
  }

  async addMember(appid: AppId, user: BareJid): Promise<void> {
    durably(this.#database, () => this.#insertMember(appid, user, false))
  }

  async removeMember(appid: AppId, user: BareJid, heir: BareJid): Promise<void> {
    durably(this.#database, () => {
      const registered = 'SELECT 1 FROM app_member WHERE appid = @appid AND user = @user AND registered = 1'
      this.#database
        .prepare(
          `UPDATE app_member SET registered = 1 WHERE appid = @appid AND user = @heir AND EXISTS (${registered})`,
        )
        .run({ appid, user, heir })
      this.#database.prepare('DELETE FROM app_member WHERE appid = ? AND user = ?').run(appid, user)
    })
  }

  async isRegistrant(appid: AppId, user: BareJid): Promise<boolean> {
    const select = this.#database.prepare('SELECT 1 FROM app_member WHERE appid = ? AND user = ? AND registered = 1')
    return select.get(appid, user) !== undefined
  }

  async countRegistered(user: BareJid): Promise<number> {
    const count = 'SELECT count(*) FROM app_member WHERE user = ? AND registered = 1'
    return this.#database.prepare<[string], number>(count).pluck().get(user) ?? 0
  }

  async remove(appid: AppId): Promise<readonly Grant[]> {
    return durably(this.#database, () => {
      const grants = this.#database.prepare<[string], GrantRow>('SELECT * FROM app_grant WHERE appid = ?').all(appid)
      for (const table of OF_APP) {
        this.#database.prepare(`DELETE FROM ${table} WHERE appid = ?`).run(appid)
      }
      return grants.map(grantOf)
    })
  }

  async webhookGeneration(appid: AppId): Promise<{ generation: number; rotatedAt: number | null }> {
    const row = this.#database
      .prepare<[string], { generation: number; rotatedAt: number | null }>(
        'SELECT webhook_generation AS generation, webhook_rotated_at AS rotatedAt FROM app WHERE appid = ?',
      )
      .get(appid)
    return row ?? { generation: 0, rotatedAt: null }
  }

  async saveWebhookGeneration(appid: AppId, generation: number, rotatedAt: number | null): Promise<void> {
    durably(this.#database, () =>
      this.#database
        .prepare('UPDATE app SET webhook_generation = ?, webhook_rotated_at = ? WHERE appid = ?')
        .run(generation, rotatedAt, appid),
    )
  }

  #insertMember(appid: AppId, user: BareJid, registered: boolean): void {
    this.#database
      .prepare(
        `INSERT OR IGNORE INTO app_member (appid, user, registered)
         SELECT appid, ?, ? FROM app WHERE appid = ?`,
      )
      .run(user, registered ? 1 : 0, appid)
  }
}

function appOf(row: Row): App {
  return {
    appid: row.appid,
    domain: row.domain,
    name: row.name,
    description: row.description,
    scope: row.scope.split(' ') as Scope[],
    hosts: JSON.parse(row.hosts),
    members: JSON.parse(row.members),
    createdAt: row.created_at,
    verifiedAt: row.verified_at,
    active: row.active === 1,
    hasIcon: row.has_icon === 1,
    webhook: row.webhook,
  }
}

function columnsOf(app: App) {
  const { appid, domain, name, description, createdAt, verifiedAt, webhook } = app
  const told = { appid, domain, name, description, createdAt, verifiedAt, webhook }
  return { ...told, scope: app.scope.join(' '), hosts: JSON.stringify(app.hosts), active: app.active ? 1 : 0 }
}
