import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { App, AppId, Scope } from '../../src/apps/app.js'
import { AppKeys } from '../../src/apps/app-keys.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { anApp } from '../unit/an-app.js'
import { jid } from '../unit/users.js'
import type { GatewayProcess } from './gateway-process.js'

export interface GrantedApp {
  readonly appid: AppId
  readonly key: string
  /** By the user. */
  readonly uids: ReadonlyMap<string, string>
}

/** An active app that these users have let in, as it would be in the end; to be called before the gateway starts. */
export async function grantedApp(
  gateway: GatewayProcess,
  users: readonly string[],
  more: { readonly scope?: readonly Scope[]; readonly app?: Partial<App> } = {},
): Promise<GrantedApp> {
  const { scope = ['status', 'details'], app } = more
  const database = openDatabase(join(gateway.directory, 'data'))
  try {
    const apps = new SqliteAppStore(database)
    const grants = new SqliteGrantStore(database)
    const appid = `app_${randomBytes(18).toString('base64url')}` as AppId
    await apps.add(anApp({ appid, verifiedAt: 1, active: true, ...app }))
    const key = await new AppKeys(apps, systemClock, randomBytes).issue(appid)
    const uids = new Map<string, string>()
    for (const user of users) {
      const uid = `UID${randomBytes(16).toString('base64url')}`
      await grants.save({ user: jid(user), appid, uid, scope, paused: false, grantedAt: 1 })
      uids.set(user, uid)
    }
    return { appid, key, uids }
  } finally {
    database.close()
  }
}
