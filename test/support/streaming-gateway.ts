import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { AppId, Scope } from '../../src/apps/app.js'
import { AppKeys } from '../../src/apps/app-keys.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { anApp } from '../unit/an-app.js'
import { jid } from '../unit/users.js'
import { GatewayProcess } from './gateway-process.js'
import { type Connection, HostileServer } from './hostile-server.js'
import { allTakenIn, COMPONENT, DOMAIN, presenceOf, prosodyLike } from './prosody-like.js'
import { until } from './until.js'

/** May do everything with every app. */
export const MEMBER = `user0@${DOMAIN}`

export interface SeededApp {
  readonly appid: AppId
  readonly key: string
}

export interface StreamingOptions {
  readonly apps?: number
  readonly users?: number
  /** Which app each of them lets see her; every one, where it is not said. */
  readonly sees?: (app: number, user: number) => boolean
  readonly scope?: readonly Scope[]
  readonly config?: Record<string, unknown>
}

/** A gateway with apps that are active and users who let them see them; the test is the XMPP server. */
export class StreamingGateway {
  readonly gateway: GatewayProcess
  readonly apps: readonly SeededApp[]
  readonly users: readonly string[]
  readonly #server: HostileServer
  #connection: Connection

  private constructor(
    gateway: GatewayProcess,
    apps: readonly SeededApp[],
    users: readonly string[],
    server: HostileServer,
    connection: Connection,
  ) {
    this.gateway = gateway
    this.apps = apps
    this.users = users
    this.#server = server
    this.#connection = connection
  }

  static async start({
    apps = 1,
    users = 1,
    sees = () => true,
    scope = ['status'],
    config = {},
  }: StreamingOptions): Promise<StreamingGateway> {
    const server = await HostileServer.start(prosodyLike())
    const gateway = await GatewayProcess.prepare({
      config: {
        xmpp: { service: server.service, domain: COMPONENT, secret: 'x' },
        domains: { [DOMAIN]: { publish: 'none' } },
        ...config,
      },
    })
    const names = Array.from({ length: users }, (_, i) => `user${i}@${DOMAIN}`)
    const seeded = await seed(gateway.directory, apps, names, sees, scope)
    await gateway.start()
    return new StreamingGateway(gateway, seeded, names, server, await server.accepted())
  }

  get app(): SeededApp {
    return this.appAt(0)
  }

  appAt(number: number): SeededApp {
    const app = this.apps[number]
    if (!app) throw new Error(`there is no app ${number}`)
    return app
  }

  get port(): number {
    return Number(new URL(this.gateway.url).port)
  }

  /** Of that user, for that app. */
  uid(app: number, user: number): string {
    return uidOf(app, user)
  }

  /** Her only resource is so from now on; null: she goes. */
  say(user: number, show: string | null, text = ''): void {
    const from = `${this.users[user]}/r`
    const inside = `${show && show !== 'online' ? `<show>${show}</show>` : ''}${text && `<status>${text}</status>`}`
    this.#connection.socket.write(show === null ? presenceOf(from, inside, 'unavailable') : presenceOf(from, inside))
  }

  /** Once the gateway has all that was said. */
  async taken(): Promise<void> {
    await allTakenIn(this.#connection)
  }

  /** Once that stands in the log: what is said next is told by itself, and not as one with it. */
  async logged(): Promise<void> {
    await this.taken()
    await until(async () => (await this.metric('unstored_users')) === 0)
  }

  /** After the gateway has started again. */
  async reconnected(): Promise<void> {
    const before = this.#connection
    this.#connection = await until(async () => {
      const connection = await this.#server.accepted()
      return connection !== before && connection
    })
  }

  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.gateway.opsUrl}/metrics`)).text()
    const line = text.split('\n').find((each) => each.startsWith(`presence_gateway_${name}`) && each.includes(label))
    return Number(line?.split(' ').at(-1) ?? 0)
  }

  async stop(): Promise<void> {
    await this.gateway.stop()
    await this.#server.stop()
  }
}

async function seed(
  directory: string,
  apps: number,
  users: readonly string[],
  sees: (app: number, user: number) => boolean,
  scope: readonly Scope[],
): Promise<SeededApp[]> {
  const database = openDatabase(join(directory, 'data'))
  const store = new SqliteAppStore(database)
  const grants = new SqliteGrantStore(database)
  const keys = new AppKeys(store, systemClock, randomBytes)
  const seeded: SeededApp[] = []
  for (let app = 0; app < apps; app++) {
    const appid = `app_${String(app).padStart(24, '0')}` as AppId
    await store.add(anApp({ appid, domain: `app${app}.example`, members: [jid(MEMBER)], verifiedAt: 1, active: true }))
    seeded.push({ appid, key: await keys.issue(appid) })
    for (const [i, user] of users.entries()) {
      if (!sees(app, i)) continue
      await grants.save({ user: jid(user), appid, uid: uidOf(app, i), scope, paused: false, grantedAt: 1 })
    }
  }
  database.close()
  return seeded
}

function uidOf(app: number, user: number): string {
  return `UID${`${app}-${user}`.padStart(21, '0')}A`
}
