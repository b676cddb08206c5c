import { randomBytes } from 'node:crypto'
import { hashOf } from '../../src/accounts/hash.js'
import type { App, AppId } from '../../src/apps/app.js'
import type { Grant } from '../../src/apps/grant.js'
import type { GrantChange } from '../../src/apps/grants.js'
import { DeliverySide, type DeliverySideParts } from '../../src/gateway/delivery-side.js'
import { createApplication } from '../../src/http/application.js'
import { clientAddress } from '../../src/http/client-address.js'
import { HttpServer } from '../../src/http/http-server.js'
import { Turns } from '../../src/http/turns.js'
import type { BareJid } from '../../src/presence/jid.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { Storage } from '../../src/storage/storage.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { anApp } from './an-app.js'
import { FakeClock } from './fake-clock.js'
import { NO_PAGES } from './no-pages.js'

export const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
export const OTHER = 'app_bbbbbbbbbbbbbbbbbbbbbbbb' as AppId
export const KEY = 'k'.repeat(1024)

const LIMITS = {
  frame: 65_536,
  streamBuffer: 1024 ** 2,
  streamLag: 10_000,
  streamsPerApp: 10,
  connectionsPerAddress: 100,
}
const WHOEVER = '127.0.0.1'

/** Log, streams and HTTP server as the gateway puts them together, two apps with one key, and time that stands still. */
export class StreamServer {
  readonly clock = new FakeClock()
  readonly board = new PresenceBoard(this.clock, { resources: 32, staleAfterMs: 60_000 })
  readonly refused: string[] = []
  readonly ended: string[] = []
  /** The hashes of these are what admits. */
  keys: readonly string[] = [KEY]
  readonly #storage: Storage
  readonly #writer: PresenceWriter
  readonly #failures: unknown[] = []
  readonly #inactive = new Set<AppId>()
  readonly #stops = new Set<(stop: { appid: AppId; gone: readonly Grant[] }) => void>()
  #changed: (change: GrantChange) => void = () => {}
  #delivery: DeliverySide | null = null
  #http: HttpServer | null = null
  #url = ''

  constructor(directory: string) {
    this.#storage = new Storage(directory, { failed: () => {}, recovered: () => {} }, { now: () => this.clock.now() })
    this.#writer = new PresenceWriter(this.board, this.#storage.presences, this.clock, AN_HOUR_OF_CHANGES)
  }

  async start(limits: Partial<typeof LIMITS> = {}): Promise<void> {
    this.#writer.start()
    this.board.linkUp()
    const { clock } = this
    const failed = (error: unknown) => void this.#failures.push(error)
    const find = async (appid: string): Promise<App | null> =>
      appid === APP || appid === OTHER
        ? anApp({ appid: appid as AppId, active: !this.#inactive.has(appid as AppId) })
        : null
    const address = clientAddress([WHOEVER])
    const delivery = await DeliverySide.start({
      config: {
        limits: { ...LIMITS, ...limits },
        outbound: { allowPrivate: [] },
      } as unknown as DeliverySideParts['config'],
      storage: this.#storage,
      board: this.board,
      writer: this.#writer,
      apps: {
        find,
        withKey: async (appid: string, key: string) => (this.keys.includes(key) ? find(appid) : null),
        keyHashes: async () => this.keys.map(hashOf),
        onStop: (listener: never) => this.#stops.add(listener),
        onChange: () => {},
      } as unknown as DeliverySideParts['apps'],
      grants: {
        onChange: (listener: (change: GrantChange) => void) => {
          this.#changed = listener
        },
      } as unknown as DeliverySideParts['grants'],
      address: (user) => user,
      clock,
      clientAddress: address,
      tellOff: async () => false,
      random: randomBytes,
      fraction: () => 0.5,
      failed,
      log: { warn: () => {} },
      metrics: {
        streamsRefused: { add: (why) => this.refused.push(String(why)) },
        streamsEnded: { add: (why) => this.ended.push(String(why)) },
        updatesSent: { add: () => {} },
        webhookCalls: { add: () => {} },
      },
    })
    this.#delivery = delivery
    const application = createApplication({
      view: {} as never,
      clock,
      batchLimit: 1,
      turns: new Turns(),
      routes: delivery.routes,
      pages: NO_PAGES,
      failed,
    })
    const first = { handle: () => false }
    const parts = { turns: new Turns(), clock, first, rest: application.callback(), failed }
    this.#http = new HttpServer({ host: '127.0.0.1', port: 0 }, parts)
    this.#url = await this.#http.start()
  }

  /** As the gateway does; throws what went wrong unseen. */
  async stop(): Promise<void> {
    await this.dismiss()
    const stopping = this.#http?.stop()
    await this.clock.passing(3000)
    await stopping
    await this.#delivery?.stop()
    await this.#writer.stop()
    await this.#storage.close()
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  /** Asks all readers to come back. */
  async dismiss(): Promise<void> {
    const stopping = this.delivery.dismiss()
    await this.clock.passing(500)
    await stopping
  }

  get delivery(): DeliverySide {
    if (!this.#delivery) throw new Error('it was not started')
    return this.#delivery
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  url(path: string): string {
    return this.#url + path
  }

  /** How many streams are open. */
  get open(): number {
    return Object.values(this.delivery.streams.counts).reduce((sum, count) => sum + count, 0)
  }

  /** Gives, or changes, a grant; returns its uid. */
  async grant(user: BareJid, to: Partial<Grant> = {}): Promise<string> {
    const appid = to.appid ?? APP
    const before = await this.#storage.grants.find(user, appid)
    const uid = `UID${randomBytes(16).toString('base64url')}`
    const first = { user, appid, uid, scope: ['status'] as const, paused: false, grantedAt: 1 }
    const after = await this.#storage.grants.save({ ...first, ...before, ...to })
    this.#changed({ before, after })
    return after.uid
  }

  async revoke(user: BareJid): Promise<void> {
    const before = await this.#storage.grants.find(user, APP)
    await this.#storage.grants.remove(user, APP)
    this.#changed({ before, after: null })
  }

  deactivate(appid: AppId): void {
    this.#inactive.add(appid)
    for (const stop of this.#stops) stop({ appid, gone: [] })
  }
}
