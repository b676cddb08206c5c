import { randomBytes } from 'node:crypto'
import type { AppId, Scope } from '../../src/apps/app.js'
import type { Grant } from '../../src/apps/grant.js'
import { Cursors } from '../../src/delivery/cursors.js'
import { Feeds } from '../../src/delivery/feeds.js'
import { LogTail } from '../../src/delivery/log-tail.js'
import { Streams } from '../../src/delivery/streams.js'
import type { Wire } from '../../src/delivery/wire.js'
import { systemClock } from '../../src/ops/system-clock.js'
import type { BareJid } from '../../src/presence/jid.js'
import type { Show } from '../../src/presence/presence.js'
import { MOST_IN_BATCH } from '../../src/presence/presence-store.js'

const SHOWS: readonly Show[] = ['online', 'away', 'dnd']

export interface DeliveryScene {
  readonly apps: number
  readonly users: number
  /** Whom the n-th app may see: so many of them from the n-th on. */
  readonly usersEach: number
  readonly scope: readonly Scope[]
  readonly streamsEach: number
  /** Of how many of them each stream tells alone, the n-th of the app from the n-th on; left out: of all, as with the app's key. */
  readonly watched?: number
  readonly wire: Wire
}

/** The delivery of changes to apps without a database, a network, or anybody who reads what is written. */
export class DeliveryBed {
  readonly #users: readonly BareJid[]
  readonly #tail: LogTail
  readonly #feeds: Feeds
  readonly #streams: Streams
  #batch = 0
  #turn = 0
  /** That were handed over, since the beginning. */
  chunks = 0

  private constructor(scene: DeliveryScene) {
    const failed = (error: unknown) => {
      throw error
    }
    const { after } = systemClock
    this.#users = Array.from({ length: scene.users }, (_, n) => `user${n}@localhost` as BareJid)
    const none = { epoch: async () => '', head: async () => 0, after: async () => [], grantsAfter: async () => [] }
    this.#tail = new LogTail({ log: none, after, failed })
    this.#feeds = new Feeds({
      tail: this.#tail,
      grants: { ofApp: async (appid, from) => (from === '' ? this.#grantsOf(appid, scene) : []) },
      cursors: new Cursors(randomBytes(32), randomBytes(8).toString('hex')),
      logged: () => ({ show: 'offline', text: null, since: null }),
      address: (user) => user,
      freshness: () => 'live',
      doubts: () => 0,
      after,
    })
    const limits = { bufferBytes: 1 << 20, lagMs: 10_000, perApp: scene.streamsEach }
    this.#streams = new Streams({
      feeds: this.#feeds,
      isActive: async () => true,
      clock: systemClock,
      limits,
      fraction: Math.random,
      failed,
      counter: { ended: () => {}, sent: () => {} },
    })
  }

  static async build(scene: DeliveryScene): Promise<DeliveryBed> {
    const bed = new DeliveryBed(scene)
    const { apps, streamsEach, usersEach, watched, wire } = scene
    const write = () => {
      bed.chunks++
      return true
    }
    for (let n = 0; n < apps * streamsEach; n++) {
      const app = Math.floor(n / streamsEach)
      const sink = { write, end: (why: string) => bed.#cutOff(why) }
      const uids =
        watched === undefined
          ? null
          : new Set(Array.from({ length: watched }, (_, user) => uidOf(app, (n + user) % usersEach)))
      await bed.#streams.open({ appid: `app_${app}` as AppId, wire, sink, since: null, uids }, () => {})
    }
    return bed
  }

  /** The next so many users change at once. */
  change(count: number): void {
    if (count > MOST_IN_BATCH) throw new Error(`no batch has ${count}`)
    const presences = Array.from({ length: count }, () => {
      const n = this.#turn++
      const round = Math.floor(n / this.#users.length)
      const user = this.#users[n % this.#users.length] ?? ('' as BareJid)
      const show = SHOWS[round % 3] ?? 'online'
      const was = SHOWS[(round + 2) % 3] ?? 'online'
      const text = `In a meeting until ${n}`
      return { user, show, was, text, shownSince: Date.now(), idleSince: null, resource: 'phone', priority: 5 }
    })
    this.#tail.appended({ number: ++this.#batch, at: Date.now(), presences })
  }

  async stop(): Promise<void> {
    this.#feeds.stop()
    this.#tail.stop()
    await this.#streams.stop()
  }

  #grantsOf(appid: AppId, { usersEach, scope }: DeliveryScene): Grant[] {
    const first = Number(appid.slice('app_'.length))
    return Array.from({ length: Math.min(usersEach, this.#users.length) }, (_, n) => {
      const user = this.#users[(first + n) % this.#users.length] ?? ('' as BareJid)
      return { user, appid, uid: uidOf(first, n), scope, paused: false, grantedAt: 0, changedIn: 0 }
    })
  }

  #cutOff(why: string): void {
    if (why !== 'shutdown') throw new Error(`a stream was ended: ${why}`)
  }
}

/** Of the n-th whom the app sees. */
function uidOf(app: number, n: number): string {
  return `UID${String(app).padStart(11, '0')}${String(n).padStart(11, '0')}`
}
