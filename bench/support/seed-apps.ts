import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { hashOf } from '../../src/accounts/hash.js'
import type { AppId, Scope } from '../../src/apps/app.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SYNTHETIC_DOMAIN } from './synthetic-presence.js'

export interface AppSeed {
  readonly apps: number
  /** The numbers of those who let the n-th app see them. */
  readonly usersOf: (app: number) => readonly number[]
  readonly scope?: readonly Scope[]
  readonly webhook?: (app: number) => string
}

export interface SeededApp {
  readonly appid: AppId
  readonly key: string
}

/** Puts active apps, and who lets them see her, into the database of a gateway that does not run. */
export async function seedApps(dataDirectory: string, seed: AppSeed): Promise<SeededApp[]> {
  const { apps, usersOf, scope = ['status'], webhook } = seed
  const database = openDatabase(dataDirectory)
  try {
    const store = new SqliteAppStore(database)
    const seeded: SeededApp[] = []
    for (let app = 0; app < apps; app++) {
      const appid = `app_${String(app).padStart(24, '0')}` as AppId
      const key = randomBytes(768).toString('base64url')
      await store.add({
        appid,
        domain: `app${app}.example`,
        name: `App ${app}`,
        description: '',
        scope: [...scope],
        hosts: [],
        members: [],
        createdAt: systemClock.now(),
        verifiedAt: systemClock.now(),
        active: true,
        hasIcon: false,
        webhook: webhook?.(app) ?? null,
      })
      await store.saveKeys(appid, { key: hashOf(key), old: null, oldUntil: null })
      seeded.push({ appid, key })
    }
    // Not by the store, which waits for the disk each time. They were given long ago: the log has nothing of them any more.
    const insert = database.prepare(
      'INSERT INTO app_grant (user, appid, uid, scope, paused, granted_at, changed_in) VALUES (?, ?, ?, ?, 0, 0, 0)',
    )
    database.transaction(() => {
      for (const [app, { appid }] of seeded.entries()) {
        for (const user of usersOf(app)) {
          insert.run(`user${user}@${SYNTHETIC_DOMAIN}`, appid, seededUid(app, user), scope.join(' '))
        }
      }
    })()
    return seeded
  } finally {
    database.close()
  }
}

export function seededUid(app: number, user: number): string {
  return `UID${String(app).padStart(10, '0')}${String(user).padStart(11, '0')}A`
}

export function dataDirectoryOf(gatewayDirectory: string): string {
  return join(gatewayDirectory, 'data')
}
