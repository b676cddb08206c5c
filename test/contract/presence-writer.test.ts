import assert from 'node:assert/strict'
import type { BareJid } from '../../src/presence/jid.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import type { KeptBatch, LoggedPresence, PresenceStore, StoredPresence } from '../../src/presence/presence-store.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { SqliteChangeLog } from '../../src/storage/sqlite-change-log.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { FakeClock } from '../unit/fake-clock.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid, presence } from '../unit/users.js'
import { sqliteHome } from './contract.js'

const ALICE = jid('alice@h')

type PresenceFold = Parameters<PresenceStore['fold']>[2]

/** Notes what it is given; fails, or waits, when told to. */
class Notebook implements PresenceStore {
  readonly batches: (readonly LoggedPresence[])[] = []
  readonly newest = new Map<string, StoredPresence>()
  readonly folds: { upTo: number; living: readonly number[]; isLast: PresenceFold }[] = []
  last = 0
  fails = false
  /** While set, a save ends only when it is called. */
  release: (() => void) | null = null
  slow = false

  async changes() {
    return []
  }

  async append(presences: readonly LoggedPresence[]): Promise<number> {
    if (this.slow) {
      await new Promise<void>((resolve) => {
        this.release = resolve
      })
    }
    if (this.fails) throw new Error('disk full')
    if (presences.length > 0) this.batches.push(presences)
    for (const { was: _, ...stored } of presences) {
      if (stored.show === 'unknown') this.newest.delete(stored.user)
      else this.newest.set(stored.user, stored)
    }
    return ++this.last
  }

  async fold(upTo: number, living: readonly number[], isLast: PresenceFold) {
    this.folds.push({ upTo, living, isLast })
  }

  async kept(): Promise<readonly KeptBatch[]> {
    return []
  }

  async prune(): Promise<void> {}

  async knownUntil() {
    return null
  }

  async saveKnownUntil(): Promise<void> {}
}

describe('PresenceWriter', () => {
  let clock: FakeClock
  let board: PresenceBoard
  let store: Notebook
  let writer: PresenceWriter
  beforeEach(() => {
    clock = new FakeClock()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 })
    store = new Notebook()
    writer = writerTo(store)
    board.linkUp()
  })

  function writerTo(store: PresenceStore): PresenceWriter {
    const writer = new PresenceWriter(board, store, clock, AN_HOUR_OF_CHANGES)
    writer.start()
    return writer
  }

  const users = (count: number) => Array.from({ length: count }, (_, i) => jid(`u${i}@h`))

  it('stores a change within 5 ms', async () => {
    board.put(ALICE, 'a', presence({ show: 'away' }))
    assert.equal(writer.waiting, 1)
    await clock.passing(5)
    assert.deepEqual(store.newest.get(ALICE), board.stored(ALICE))
    assert.equal(writer.waiting, 0)
    assert.equal(clock.timers, 0)
  })

  it('stores one row, the newest, for many changes of a user in a tick', async () => {
    for (let i = 0; i < 100; i++) board.put(ALICE, 'a', presence({ text: `${i}` }))
    await clock.passing(5)
    assert.equal(store.batches.length, 1)
    assert.deepEqual(
      store.batches[0]?.map(({ text }) => text),
      ['99'],
    )
  })

  it('stores nothing for a duplicate', async () => {
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    board.put(ALICE, 'a', presence())
    await clock.passing(50)
    assert.equal(store.batches.length, 1)
  })

  it('writes nothing of who is refused, not even her name, though it was about to', async () => {
    const refused = new Set<BareJid>()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 }, null, (user) => refused.has(user))
    board.linkUp()
    writer = writerTo(store)
    board.put(ALICE, 'a', presence())
    board.put(jid('bob@h'), 'a', presence())
    refused.add(ALICE)
    board.forget(ALICE)
    await clock.passing(5)
    assert.deepEqual(
      store.batches.map((batch) => batch.map(({ user }) => user)),
      [['bob@h']],
    )
  })

  it('writes nothing of who was forgotten just before she was refused', async () => {
    const refused = new Set<BareJid>()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 }, null, (user) => refused.has(user))
    writer = writerTo(store)
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    board.forget(ALICE)
    refused.add(ALICE)
    board.forget(ALICE)
    await clock.passing(5)
    assert.equal(store.batches.length, 1)
  })

  it('tries nothing again of who was refused while it failed', async () => {
    const refused = new Set<BareJid>()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 }, null, (user) => refused.has(user))
    board.linkUp()
    writer = writerTo(store)
    store.slow = true
    store.fails = true
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    refused.add(ALICE)
    board.forget(ALICE)
    store.release?.()
    await clock.passing(5)
    assert.equal(writer.waiting, 0)
  })

  describe('keeps the log short', () => {
    /** Each of so many users again and again, all in one batch. */
    const change = async (count: number, text: string) => {
      for (const user of users(count)) board.put(user, 'a', presence({ text }))
      await clock.passing(5)
    }

    it('by dropping whole batches in which nobody is last, beyond 10,000 and two for each user', async () => {
      for (let n = 1; n <= 7; n++) await change(2000, `${n}`)
      assert.deepEqual(store.folds, [])
      for (let n = 8; n <= 8; n++) await change(2000, `${n}`)
      assert.deepEqual(
        store.folds.map(({ upTo, living }) => [upTo, living]),
        [[1, []]],
      )
    })

    it('by folding of the others what is in no later one', async () => {
      await change(2000, '1')
      board.forget(jid('u0@h'))
      for (let n = 2; n <= 12; n++) await change(1999, `${n}`)
      const [fold] = store.folds
      assert(fold)
      assert.deepEqual([fold.upTo, fold.living], [1, [1]])
      assert.equal(fold.isLast(jid('u1999@h'), 1), true)
      assert.equal(fold.isLast(jid('u1@h'), 1), false)
      // Nobody knows her: then what was stored last counts.
      assert.equal(fold.isLast(jid('stranger@h'), 1), true)
    })

    it('also when few change at a time: 20,000 batches are kept', async () => {
      for (const user of users(10_000)) board.expect(user)
      for (let n = 1; n <= 20_001; n++) await change(1, `${n}`)
      assert.deepEqual(
        store.folds.map(({ upTo }) => upTo),
        [1],
      )
    })

    it('also of what was there at the start', async () => {
      const real = sqliteHome((database) => new SqlitePresenceStore(database)).open(directory())
      const stored = async () => [...(await real.store.changes())]
      try {
        for (let n = 1; n <= 12; n++) {
          const said = { show: 'away', text: `${n}`, was: 'away' } as const
          const batch = users(1000).map((user) => ({ ...board.stored(user), ...said }))
          await real.store.append(batch, clock.now())
        }
        await real.store.append([{ ...board.stored(ALICE), show: 'dnd', was: 'unknown' }], clock.now())
        board.linkUp()
        const writer = writerTo(real.store)
        await writer.load((domain) => domain === 'h')
        assert.equal(board.get(jid('u7@h'), 'h')?.text, '12')
        board.put(ALICE, 'a', presence({ text: 'new' }))
        await clock.passing(5)
        assert.equal((await stored()).length, 12_002)
        for (let n = 13; n <= 20; n++) await change(1000, `${n}`)
        // 10,000 and two for each of 1,001 users are 12,002.
        const left = await stored()
        assert(left.length <= 13_002 && left.length >= 12_002, `${left.length}`)
        assert.equal(left.filter(({ presence }) => presence.user === ALICE).length, 2)
        await writer.stop()
      } finally {
        real.close()
      }
    })
  })

  it('lets go of what is older than it is to keep, or more, whoever appended it, when it is told to', async () => {
    const real = sqliteHome((database) => new SqlitePresenceStore(database)).open(directory())
    const log = new SqliteChangeLog(openedBeside())
    const numbers = async (after: number) => (await log.after(after, 1000))?.map(({ number }) => number) ?? null
    const limits = { ms: 60_000, rows: 10 }
    try {
      const before = { ...board.stored(ALICE), show: 'away', was: 'unknown' } as const
      await real.store.append([before], clock.now())
      const writer = new PresenceWriter(board, real.store, clock, limits)
      await writer.load(() => true)
      writer.start()
      await clock.passing(30_000)
      board.put(ALICE, 'a', presence({ text: 'tea' }))
      await clock.passing(30_000)
      await writer.prune()
      assert.deepEqual(await numbers(0), [1, 2])
      await clock.passing(1)
      await writer.prune()
      assert.deepEqual([await numbers(0), await numbers(1)], [null, [2]])
      for (const user of users(10)) board.put(user, 'a', presence())
      await clock.passing(5)
      await writer.prune()
      assert.deepEqual([await numbers(1), await numbers(2)], [null, [3]])
      await writer.stop()
    } finally {
      real.close()
    }
  })

  it('counts what was stored before a user was forgotten as her last, when she is there again with nothing new', async () => {
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    board.forget(ALICE)
    await clock.passing(5)
    board.expect(ALICE)
    assert.equal(board.isLastIn(ALICE, 2), true)
  })

  it('removes whom the board forgot', async () => {
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    board.forget(ALICE)
    await clock.passing(5)
    assert.deepEqual(
      store.batches[1]?.map(({ user, show }) => [user, show]),
      [[ALICE, 'unknown']],
    )
    assert(!store.newest.has(ALICE))
  })

  it('stores many users a slice at a time', async () => {
    for (const user of users(5000)) board.put(user, 'a', presence())
    await clock.passing(100)
    assert.equal(store.newest.size, 5000)
    assert(store.batches.every(({ length }) => length <= 2000))
  })

  it('keeps everything while the store fails, and counts as failing until all is stored', async () => {
    store.fails = true
    for (const user of users(3000)) board.put(user, 'a', presence())
    await clock.passing(60_000)
    board.put(ALICE, 'a', presence({ text: 'while it fails' }))
    await clock.passing(60_000)
    assert.equal(writer.failing, true)
    assert.equal(writer.waiting, 3001)
    store.fails = false
    await clock.passing(11_000)
    assert.equal(writer.failing, false)
    assert.equal(store.newest.size, 3001)
    assert.equal(store.newest.get(ALICE)?.text, 'while it fails')
    assert.equal(clock.timers, 0)
  })

  it('tries at most twice a second while the store fails, and at least each 10 s', async () => {
    store.fails = true
    let tries = 0
    const append = store.append.bind(store)
    store.append = (presences) => {
      tries++
      return append(presences)
    }
    board.put(ALICE, 'a', presence())
    for (let i = 0; i < 600; i++) {
      await clock.passing(100)
      board.put(jid(`u${i}@h`), 'a', presence())
    }
    assert(tries >= 6 && tries <= 120, `${tries} in 60 s`)
  })

  it('fails and recovers again and again', async () => {
    for (let i = 0; i < 2; i++) {
      store.fails = true
      board.put(ALICE, 'a', presence({ text: `${i}` }))
      await clock.passing(5)
      assert.equal(writer.failing, true)
      store.fails = false
      await clock.passing(10_000)
      assert.equal(writer.failing, false)
    }
  })

  it('survives a full disk in SQLite', async () => {
    const real = sqliteHome((database) => new SqlitePresenceStore(database)).open(directory())
    try {
      const writer = writerTo(real.store)
      real.fill()
      for (const user of users(3000)) board.put(user, 'a', presence({ text: 'x'.repeat(500) }))
      await clock.passing(60_000)
      assert(writer.failing)
      real.empty()
      await clock.passing(60_000)
      assert(!writer.failing)
      assert.equal([...(await real.store.changes())].length, 3000)
    } finally {
      real.close()
    }
  })

  it('writes one batch at a time, also when told to store meanwhile', async () => {
    store.slow = true
    board.put(ALICE, 'a', presence({ text: '1' }))
    await clock.passing(5)
    board.put(ALICE, 'a', presence({ text: '2' }))
    const { release } = store
    store.slow = false
    const flushed = writer.flush()
    await clock.passing(1)
    assert.equal(store.batches.length, 0)
    release?.()
    await clock.passing(1)
    await flushed
    assert.deepEqual(
      store.batches.map(([stored]) => stored?.text),
      ['1', '2'],
    )
  })

  it('stores what waits when it is told to, a slice at a time, and rejects where that fails', async () => {
    for (const user of users(3000)) board.put(user, 'a', presence())
    const flushed = writer.flush()
    await clock.passing(0)
    await clock.passing(0)
    await flushed
    assert.equal(store.newest.size, 3000)
    store.fails = true
    board.put(ALICE, 'a', presence())
    await assert.rejects(writer.flush(), /disk full/)
    assert.equal(writer.waiting, 1)
  })

  describe('stop()', () => {
    it('stores what waits, and leaves no timer', async () => {
      for (const user of users(5000)) board.put(user, 'a', presence())
      await writer.stop()
      assert.equal(store.newest.size, 5000)
      assert.equal(clock.timers, 0)
    })

    it('rejects when that fails, and leaves no timer', async () => {
      store.fails = true
      board.put(ALICE, 'a', presence())
      await clock.passing(5)
      await assert.rejects(writer.stop(), /disk full/)
      assert.equal(clock.timers, 0)
    })

    it('waits for a save under way, stores what came meanwhile, and leaves no timer', async () => {
      store.slow = true
      board.put(ALICE, 'a', presence({ text: '1' }))
      await clock.passing(5)
      board.put(ALICE, 'a', presence({ text: '2' }))
      const stopped = writer.stop()
      store.slow = false
      store.release?.()
      await stopped
      assert.equal(store.newest.get(ALICE)?.text, '2')
      assert.equal(clock.timers, 0)
    })

    it('hears of no change after it', async () => {
      await writer.stop()
      board.put(ALICE, 'a', presence())
      await clock.passing(1000)
      assert.equal(clock.timers, 0)
      assert.deepEqual(store.batches, [])
    })
  })

  const directory = temporaryDirectory()
  const beside: Database[] = []
  afterEach(() => {
    for (const database of beside.splice(0)) database.close()
  })
  const openedBeside = () => {
    const database = openDatabase(directory())
    beside.push(database)
    return database
  }

  it('loses at most one tick to a kill: what a board had 5 ms ago is in the database', async () => {
    const database = openDatabase(directory())
    writerTo(new SqlitePresenceStore(database))
    board.put(ALICE, 'a', presence({ show: 'dnd', text: 'busy' }))
    await clock.passing(5)
    // As another process would find it, with this one's database still open.
    const other = openDatabase(directory())
    try {
      const [stored] = await new SqlitePresenceStore(other).changes()
      assert.deepEqual(stored?.presence, board.stored(ALICE))
    } finally {
      other.close()
      database.close()
    }
  })
})
