import assert from 'node:assert/strict'
import type { AppId } from '../../src/apps/app.js'
import type { LogBatch } from '../../src/delivery/change-log.js'
import { Cursors } from '../../src/delivery/cursors.js'
import { Feed } from '../../src/delivery/feed.js'
import { positionOf } from '../../src/delivery/position.js'
import type { Ending, Parting, Sink, Stream } from '../../src/delivery/stream.js'
import { Streams } from '../../src/delivery/streams.js'
import type { Told } from '../../src/delivery/update.js'
import { frames } from '../../src/delivery/wire.js'
import type { Bytes } from '../../src/presence/bytes.js'
import { FakeClock } from './fake-clock.js'
import { framesIn } from './read-frames.js'
import { jid } from './users.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const USERS = 1000
const LIMITS = { bufferBytes: 1000, lagMs: 10_000, perApp: 2 }

class Reader implements Sink {
  // biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
  readonly frames: any[] = []
  ending: Ending | null = null
  takesMore = true
  stream: Stream | null = null

  write(chunk: Bytes): boolean {
    this.frames.push(...framesIn(Buffer.from(chunk, 'latin1')))
    assert.equal(this.ending, null)
    return this.takesMore
  }

  end(ending: Ending): void {
    this.ending = ending
  }

  drained(takesMore: boolean): void {
    this.takesMore = takesMore
    this.stream?.drained()
  }
}

describe('Streams', () => {
  let clock: FakeClock
  let feed: Feed
  let seen: number
  let activity: Promise<boolean>
  let caughtUp: Promise<void>
  let missed: LogBatch | null
  let isClosed: boolean
  let partings: Parting[]
  let sent: number
  let streams: Streams
  let fractions: number[]
  let failures: unknown[]

  beforeEach(() => {
    clock = new FakeClock()
    seen = 1
    activity = Promise.resolve(true)
    caughtUp = Promise.resolve()
    missed = null
    isClosed = false
    partings = []
    sent = 0
    fractions = []
    failures = []
    feed = new Feed(APP, new Cursors(Buffer.alloc(32), '0'.repeat(16)).of(APP), {
      tail: {
        get seen() {
          return seen
        },
        after: async () => missed && [missed],
        caughtUp: () => caughtUp,
      },
      logged: () => ({ show: 'away', text: null, since: null }),
      address: (user) => user,
      freshness: () => 'live',
    })
    for (let i = 0; i < USERS; i++) {
      const grant = { user: jid(`u${i}@h`), appid: APP, uid: `UID${i}`, scope: ['status'] as const }
      feed.put({ ...grant, paused: false, grantedAt: 1, changedIn: 1 })
    }
    streams = new Streams({
      feeds: {
        open: async () => feed,
        close: () => {
          isClosed = true
        },
      },
      clock,
      limits: LIMITS,
      isActive: () => activity,
      fraction: () => fractions.shift() ?? 0,
      failed: (error) => failures.push(error),
      counter: {
        ended: (_, parting) => partings.push(parting),
        sent: (_, updates) => {
          sent += updates
        },
      },
    })
  })
  afterEach(async () => {
    const stopped = streams.stop()
    await clock.passing(1000)
    await stopped
    assert.deepEqual(failures, [])
    assert.equal(clock.timers, 0)
    assert.deepEqual(streams.counts, { websocket: 0, ndjson: 0, sse: 0 })
  })

  function open(uids: ReadonlySet<string> | null = null, reader = new Reader(), since: string | null = null): Reader {
    const request = { appid: APP, wire: frames, sink: reader, since, uids }
    void streams.open(request, (stream) => {
      reader.stream = stream
    })
    return reader
  }

  async function ready(uids: ReadonlySet<string> | null = null): Promise<Reader> {
    const reader = open(uids)
    await clock.passing(0)
    assert(reader.frames.at(-1).ready)
    return reader
  }

  function change(users: number): void {
    seen++
    const told: Told[] = Array.from({ length: users }, (_, i) => ({
      update: { uid: `UID${i}`, status: 'online' },
      position: positionOf(seen, i),
      cursor: feed.cursors.write(positionOf(seen, i)),
    }))
    feed.tell(told)
  }

  /** While nobody listens. */
  function changed(users: number): LogBatch {
    seen++
    const was = { show: 'away', text: null, shownSince: 1, idleSince: null, resource: null, priority: 0 } as const
    const presences = Array.from({ length: users }, (_, i) => ({
      ...was,
      user: jid(`u${i}@h`),
      show: 'online' as const,
      was: was.show,
    }))
    return { number: seen, at: 1, presences, grants: [] }
  }

  it('write a snapshot as fast as it is read, and no more of it', async () => {
    const reader = new Reader()
    reader.takesMore = false
    open(null, reader)
    for (let count = 1; count <= 5; count++) {
      await clock.passing(20_000)
      assert.deepEqual([reader.frames.length, reader.frames[count - 1].length], [count, USERS / 5])
      reader.drained(false)
    }
    await clock.passing(0)
    reader.drained(true)
    assert.deepEqual(Object.keys(reader.frames[5]), ['ready', 'cursor'])
    assert.equal(sent, 0)
  })

  it('let others have their turn in a long snapshot', async () => {
    const reader = open()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(reader.frames.length, 4)
    await clock.passing(0)
    assert(reader.frames.at(-1).ready)
  })

  it('write nothing to who has gone while a snapshot was taken', async () => {
    caughtUp = new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    const reader = open()
    await new Promise((resolve) => setImmediate(resolve))
    streams.end(APP, 'stopped')
    await clock.passing(0)
    assert.deepEqual([reader.ending, reader.frames], ['stopped', []])
  })

  it('tell in the rest of a snapshot nothing of who has taken back her grant meanwhile', async () => {
    const reader = new Reader()
    reader.takesMore = false
    open(null, reader)
    await clock.passing(0)
    feed.take(jid('u1@h'))
    feed.take(jid('u998@h'))
    reader.drained(true)
    await clock.passing(0)
    const told = reader.frames.filter(Array.isArray).flat()
    const uids = told.map(({ uid }) => uid)
    assert.deepEqual([uids.length, uids.includes('UID1'), uids.includes('UID998')], [USERS - 1, true, false])
  })

  it('tell in the rest of what was missed nothing of who has taken back her grant meanwhile, or changed it', async () => {
    const since = feed.cursors.write(feed.position)
    missed = changed(400)
    const reader = new Reader()
    reader.takesMore = false
    open(null, reader, since)
    await clock.passing(0)
    const grant = feed.grantOf(jid('u399@h'))
    assert(grant)
    feed.put({ ...grant, scope: ['status', 'details'], changedIn: seen + 1 })
    feed.take(jid('u398@h'))
    reader.drained(true)
    await clock.passing(0)
    assert.deepEqual(
      reader.frames.map((said) => said.length ?? Object.keys(said)),
      [200, 198, ['ready', 'cursor']],
    )
  })

  it('cut off who takes nothing of a snapshot for 30 s', async () => {
    const reader = new Reader()
    reader.takesMore = false
    open(null, reader)
    await clock.passing(30_000)
    assert.equal(reader.ending, null)
    await clock.passing(2000)
    assert.equal(reader.ending, 'too-slow')
  })

  it('say nothing of an end to who has come to see an empty page', async () => {
    const reader = await ready(new Set(['UIDnobody']))
    assert.deepEqual(reader.frames[0], [])
    change(3)
    assert.equal(reader.frames.length, 2)
  })

  it('tell in frames of 200 at most', async () => {
    const reader = await ready()
    change(500)
    assert.deepEqual(
      reader.frames.slice(6).map(({ length }) => length),
      [200, 200, 100],
    )
    // Counted each second.
    await clock.passing(1000)
    assert.equal(sent, 500)
  })

  it('let 1,000 bytes wait, and cut off who leaves more', async () => {
    const reader = await ready()
    reader.takesMore = false
    change(10)
    change(10)
    assert.equal(reader.ending, null)
    change(10)
    assert.equal(reader.ending, 'too-slow')
    assert.deepEqual(partings, ['too-slow'])
    change(10)
  })

  it('let it wait for 10 s, and cut off who leaves it for longer', async () => {
    const [slow, slower] = [await ready(), await ready()]
    for (const reader of [slow, slower]) reader.takesMore = false
    change(1)
    change(1)
    await clock.passing(9000)
    slow.drained(true)
    await clock.passing(3000)
    assert.deepEqual([slow.ending, slower.ending], [null, 'too-slow'])
    assert.equal(slow.frames.at(-1).length, 1)
  })

  it('end the oldest with a key for one too many; those with tickets are not counted', async () => {
    const ticket = await ready(new Set(['UID1']))
    const [first, second, third] = [await ready(), await ready(), await ready()]
    assert.deepEqual(
      [ticket, first, second, third].map(({ ending }) => ending),
      [null, 'replaced', null, null],
    )
  })

  it('end with their app, also while they open', async () => {
    const [reader, other] = [await ready(), await ready()]
    streams.end(APP, 'stopped')
    assert.deepEqual([reader.ending, other.ending], ['stopped', 'stopped'])
    activity = Promise.resolve(false)
    const late = open()
    await clock.passing(0)
    assert.deepEqual([late.ending, late.frames], ['stopped', []])
    assert(isClosed)
  })

  it('end, and say so, where nobody can tell whether their app is active', async () => {
    const lost = new Error('disk I/O error')
    activity = Promise.reject(lost)
    const reader = open()
    await clock.passing(0)
    assert.deepEqual([reader.ending, reader.frames, failures.splice(0)], ['failed', [], [lost]])
    assert(isClosed)
  })

  it('ask readers to come back at different times, the later the more there are, also those who come meanwhile', async () => {
    const readers = [await ready(), await ready()]
    fractions = [0.25, 0.5, 0.75]
    const stopped = streams.stop()
    const late = open()
    await clock.passing(1000)
    await stopped
    assert.deepEqual(
      [...readers, late].map(({ frames }) => frames.at(-1)),
      [{ reconnect: 1250 }, { reconnect: 1500 }, { reconnect: 1001 }],
    )
    for (const { ending } of [...readers, late]) assert.equal(ending, 'shutdown')
  })

  it('go on from the end of what was told, and begin anew from what never was', async () => {
    const [now, later] = [0, 1].map((batches) => feed.cursors.write(feed.position + batches))
    const [known, unknown] = [open(null, new Reader(), now), open(null, new Reader(), later)]
    await clock.passing(0)
    assert.deepEqual(known.frames, [{ ready: true, cursor: now }])
    assert.deepEqual([unknown.frames[0], unknown.frames.length], [{ reset: true }, 7])
  })

  it('begin anew where nobody knows what they missed', async () => {
    const reader = await ready()
    const before = reader.frames.length
    feed.lost()
    await clock.passing(0)
    const [reset, snapshot] = reader.frames.slice(before)
    assert.deepEqual([reset, snapshot.length], [{ reset: true }, USERS / 5])
    assert(reader.frames.at(-1).ready)
    change(1)
    assert.equal(reader.frames.at(-1).length, 1)
  })
})
