import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { AppId, Scope } from '../../src/apps/app.js'
import type { Grant } from '../../src/apps/grant.js'
import type { ChangeLog } from '../../src/delivery/change-log.js'
import { Cursors } from '../../src/delivery/cursors.js'
import { Feeds } from '../../src/delivery/feeds.js'
import { LogTail } from '../../src/delivery/log-tail.js'
import { Streams } from '../../src/delivery/streams.js'
import { updateOf } from '../../src/delivery/update.js'
import type { BareJid } from '../../src/presence/jid.js'
import type { AvailableShow } from '../../src/presence/presence.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { lookOf, timeOf } from '../../src/presence/user.js'
import { Storage } from '../../src/storage/storage.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { FakeClock } from './fake-clock.js'
import { ModelReader } from './model-reader.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid, presence } from './users.js'

/** `STREAM_MODEL_RUNS`: how many; `MODEL_SEED` to repeat a run. */
const RUNS = Number(process.env.STREAM_MODEL_RUNS ?? 300)
const SEED = process.env.MODEL_SEED === undefined ? {} : { seed: Number(process.env.MODEL_SEED) }
const USERS = 4
const READERS = 3
const LIMITS = { bufferBytes: 4000, lagMs: 10_000, perApp: 1 }

type Step =
  | { do: 'put'; who: readonly number[]; show: AvailableShow | null; text: string | null }
  | { do: 'grant'; user: number; scope: readonly Scope[]; paused: boolean }
  | { do: 'revoke'; user: number }
  | { do: 'connect' | 'connect, reading nothing' | 'block' | 'sip' | 'unblock'; reader: number }
  | { do: 'cut'; reader: number; read: number }
  | { do: 'cut in the middle'; reader: number; read: number; show: AvailableShow }
  | { do: 'forget' | 'turn' | 'tick' }
  | { do: 'pass'; ms: number }

const user = fc.nat(USERS - 1)
const reader = fc.nat(READERS - 1)
const show = fc.constantFrom<AvailableShow>('online', 'chat', 'away', 'xa', 'dnd')
const scope = fc.constantFrom<readonly Scope[]>(['status'], ['status', 'details'], ['status', 'details', 'address'])
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      who: fc.oneof(fc.tuple(user), fc.constant([0, 1, 2, 3])),
      show: fc.option(show),
      text: fc.constantFrom(null, 'here', 'x'.repeat(300)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('grant' as const), user, scope, paused: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), user }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'connect, reading nothing' as const), reader }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('block' as const, 'sip' as const, 'unblock' as const), reader }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cut' as const), reader, read: fc.nat(10) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('cut in the middle' as const), reader, read: fc.nat(5), show }),
  },
  { weight: 14, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'tick' as const, 'tick' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1000, 12_000) }) },
)

describe('Streams, by a model', function () {
  this.timeout(600_000)
  const directory = temporaryDirectory()

  it('leave each reader, whatever happens, with what is true: without a gap, and nothing twice', async () => {
    const clock = new FakeClock()
    const storage = new Storage(directory(), { failed: () => {}, recovered: () => {} }, { now: () => clock.now() })
    let run = 0
    try {
      const property = fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 100, size: 'max' }),
        async (steps) => {
          const world = await World.start(storage, clock, ++run)
          try {
            for (const each of steps) await world.take(each)
            await world.check()
          } finally {
            await world.stop()
          }
        },
      )
      await fc.assert(property, { numRuns: RUNS, ...SEED })
    } finally {
      await storage.close()
    }
  })
})

/** One app, its users and its readers, on a database that other runs have used before. */
class World {
  readonly #storage: Storage
  readonly #clock: FakeClock
  readonly #appid: AppId
  readonly #users: readonly BareJid[]
  readonly #board: PresenceBoard
  readonly #writer: PresenceWriter
  readonly #tail: LogTail
  readonly #feeds: Feeds
  readonly #streams: Streams
  readonly #readers: readonly ModelReader[]
  #forgotten = 0

  static async start(storage: Storage, clock: FakeClock, run: number): Promise<World> {
    const world = new World(storage, clock, run, await storage.changes.epoch())
    await world.#tail.start()
    for (const user of world.#users) await world.#grant(user, { scope: ['status', 'details'], paused: false })
    await clock.passing(10)
    return world
  }

  private constructor(storage: Storage, clock: FakeClock, run: number, epoch: string) {
    this.#storage = storage
    this.#clock = clock
    this.#appid = `app_${String(run).padStart(24, '0')}` as AppId
    this.#users = Array.from({ length: USERS }, (_, i) => jid(`u${i}-${run}@h`))
    const board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 })
    this.#board = board
    this.#writer = new PresenceWriter(board, storage.presences, clock, AN_HOUR_OF_CHANGES)
    this.#writer.start()
    board.linkUp()
    const after = (ms: number, run: () => void) => clock.after(ms, run)
    const failed = (error: unknown) => {
      throw error
    }
    this.#tail = new LogTail({ log: this.#log(), after, failed })
    const cursors = new Cursors(Buffer.alloc(32), epoch)
    this.#feeds = new Feeds({
      tail: this.#tail,
      grants: storage.grants,
      cursors,
      logged: (user) => {
        const { show, text, since } = this.#writer.logged(user)
        return { show, text, since: timeOf(since) }
      },
      address: (user) => user,
      freshness: () => 'live',
      doubts: () => board.doubts,
      after,
    })
    this.#writer.onAppend((batch) => this.#tail.appended(batch))
    this.#streams = new Streams({
      feeds: this.#feeds,
      clock,
      limits: LIMITS,
      isActive: async () => true,
      fraction: () => 0,
      failed,
      counter: { ended: () => {}, sent: () => {} },
    })
    const appid = this.#appid
    // One has a ticket for two of them.
    const some = new Set([this.#uid(0), this.#uid(2)])
    this.#readers = Array.from(
      { length: READERS },
      (_, i) => new ModelReader(appid, this.#streams, cursors.of(appid), i === 2 ? some : null),
    )
  }

  async take(step: Step): Promise<void> {
    const user = 'user' in step ? (this.#users[step.user] ?? jid('')) : jid('')
    const reader = 'reader' in step ? this.#readers[step.reader] : undefined
    switch (step.do) {
      case 'put':
        for (const each of step.who) {
          const jid = this.#users[each] as BareJid
          if (step.show) this.#board.put(jid, 'r', presence({ show: step.show, text: step.text }))
          else this.#board.remove(jid, 'r', step.text, null)
        }
        return
      case 'grant':
        return this.#grant(user, { scope: step.scope, paused: step.paused })
      case 'revoke': {
        const before = await this.#storage.grants.find(user, this.#appid)
        await this.#storage.grants.remove(user, this.#appid)
        return this.#feeds.changed({ before, after: null })
      }
      case 'connect':
        return reader?.connect()
      case 'connect, reading nothing':
        reader?.connect()
        return reader?.block()
      case 'block':
        return reader?.block()
      case 'sip':
        return reader?.sip()
      case 'unblock':
        return reader?.unblock()
      case 'cut':
        return reader?.cut(step.read)
      case 'cut in the middle':
        reader?.block()
        for (const each of this.#users) this.#board.put(each, 'r', presence({ show: step.show }))
        await this.#clock.passing(5)
        return reader?.cut(step.read)
      case 'forget':
        this.#forgotten = await this.#storage.changes.head()
        return
      case 'turn':
        return new Promise((resolve) => setImmediate(resolve))
      case 'tick':
        return this.#clock.passing(5)
      case 'pass':
        return this.#clock.passing(step.ms)
    }
  }

  /** Once all is quiet. */
  async check(): Promise<void> {
    await this.#clock.passing(20)
    for (const reader of this.#readers) {
      reader.unblock()
      await this.#clock.passing(10)
      reader.connect()
      await this.#clock.passing(10)
      await this.#checkReader(reader)
    }
  }

  async #checkReader(reader: ModelReader): Promise<void> {
    const truth = new Map<string, object>()
    for (const [i, user] of this.#users.entries()) {
      const grant = await this.#storage.grants.find(user, this.#appid)
      if (!grant || (reader.uids && !reader.uids.has(this.#uid(i)))) continue
      const { show, text, since } = this.#writer.logged(user)
      assert.equal(show, lookOf(this.#board.user(user)).show)
      truth.set(
        grant.uid,
        updateOf(grant, { show, text, since: timeOf(since) }, () => user),
      )
    }
    assert.deepEqual(reader.picture, truth)
    // All that the log tells of grants as they are now, since she began.
    const feed = await this.#feeds.open(this.#appid)
    const batches = await this.#storage.changes.after(Math.floor(reader.began / 2048), 1e9)
    assert(batches)
    const expected = batches
      .flatMap((batch) => feed.toldIn(batch))
      .filter(({ position, update }) => position > reader.began && (!reader.uids || reader.uids.has(update.uid)))
      .map(({ position }) => position)
    const heard = new Set(reader.positions)
    const missing = expected.filter((position) => !heard.has(position))
    this.#feeds.close(feed)
    assert.deepEqual(missing, [], 'a gap')
  }

  async stop(): Promise<void> {
    for (const reader of this.#readers) reader.cut(0)
    const stopped = this.#streams.stop()
    await this.#clock.passing(1000)
    await stopped
    this.#feeds.stop()
    this.#tail.stop()
    await this.#writer.stop()
    assert.equal(this.#clock.timers, 0)
  }

  async #grant(user: BareJid, to: Pick<Grant, 'scope' | 'paused'>): Promise<void> {
    const appid = this.#appid
    const before = await this.#storage.grants.find(user, appid)
    const uid = this.#uid(this.#users.indexOf(user))
    const after = await this.#storage.grants.save({ user, appid, uid, grantedAt: 1, ...to })
    this.#feeds.changed({ before, after })
  }

  #uid(user: number): string {
    return `UID${this.#appid.slice(-21)}${user}`
  }

  /** It forgets when it is told to. */
  #log(): ChangeLog {
    const { changes } = this.#storage
    return {
      epoch: () => changes.epoch(),
      head: () => changes.head(),
      after: async (number, presences) => (number < this.#forgotten ? null : changes.after(number, presences)),
      grantsAfter: (appid, number) => changes.grantsAfter(appid, number),
    }
  }
}
