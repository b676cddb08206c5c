import assert from 'node:assert/strict'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import type { PresenceStore, StoredPresence } from '../../src/presence/presence-store.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { FakeClock } from '../unit/fake-clock.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid, presence } from '../unit/users.js'
import { sqliteHome } from './contract.js'

const ALICE = jid('alice@h')

/** Notes what it is given; fails, or waits, when told to. */
class Notebook implements PresenceStore {
  readonly batches: { changed: readonly StoredPresence[]; gone: readonly string[] }[] = []
  readonly kept = new Map<string, StoredPresence>()
  fails = false
  /** While set, a save ends only when it is called. */
  release: (() => void) | null = null
  slow = false

  async presences() {
    return this.kept.values()
  }

  async savePresences(changed: readonly StoredPresence[], gone: readonly string[]): Promise<void> {
    if (this.slow) {
      await new Promise<void>((resolve) => {
        this.release = resolve
      })
    }
    if (this.fails) throw new Error('disk full')
    this.batches.push({ changed, gone })
    for (const stored of changed) this.kept.set(stored.user, stored)
    for (const user of gone) this.kept.delete(user)
  }

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
  let events: string[]
  beforeEach(() => {
    clock = new FakeClock()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 })
    store = new Notebook()
    events = []
    writer = writerTo(store)
    board.linkUp()
  })

  function writerTo(store: PresenceStore): PresenceWriter {
    const writer = new PresenceWriter(board, store, clock, {
      failed: (error) => events.push(`failed: ${(error as Error).message}`),
      recovered: () => events.push('recovered'),
    })
    writer.start()
    return writer
  }

  const users = (count: number) => Array.from({ length: count }, (_, i) => jid(`u${i}@h`))

  it('stores a change within 5 ms', async () => {
    board.put(ALICE, 'a', presence({ show: 'away' }))
    assert.equal(writer.waiting, 1)
    await clock.passing(5)
    assert.deepEqual(store.kept.get(ALICE), board.stored(ALICE))
    assert.equal(writer.waiting, 0)
    assert.equal(clock.timers, 0)
  })

  it('stores one row, the newest, for many changes of a user in a tick', async () => {
    for (let i = 0; i < 100; i++) board.put(ALICE, 'a', presence({ text: `${i}` }))
    await clock.passing(5)
    assert.equal(store.batches.length, 1)
    assert.deepEqual(
      store.batches[0]?.changed.map(({ text }) => text),
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

  it('removes whom the board forgot', async () => {
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    board.forget(ALICE)
    await clock.passing(5)
    assert.deepEqual(store.batches[1], { changed: [], gone: [ALICE] })
  })

  it('stores many users a slice at a time', async () => {
    for (const user of users(5000)) board.put(user, 'a', presence())
    await clock.passing(100)
    assert.equal(store.kept.size, 5000)
    assert(store.batches.every(({ changed }) => changed.length <= 2000))
  })

  it('keeps everything while the store fails, says so once, and once more when all is stored', async () => {
    store.fails = true
    for (const user of users(3000)) board.put(user, 'a', presence())
    await clock.passing(60_000)
    board.put(ALICE, 'a', presence({ text: 'while it fails' }))
    await clock.passing(60_000)
    assert.deepEqual(events, ['failed: disk full'])
    assert.equal(writer.failing, true)
    assert.equal(writer.waiting, 3001)
    store.fails = false
    await clock.passing(11_000)
    assert.deepEqual(events, ['failed: disk full', 'recovered'])
    assert.equal(writer.failing, false)
    assert.equal(store.kept.size, 3001)
    assert.equal(store.kept.get(ALICE)?.text, 'while it fails')
    assert.equal(clock.timers, 0)
  })

  it('tries at most twice a second while the store fails, and at least each 10 s', async () => {
    store.fails = true
    let tries = 0
    const save = store.savePresences.bind(store)
    store.savePresences = (changed, gone) => {
      tries++
      return save(changed, gone)
    }
    board.put(ALICE, 'a', presence())
    for (let i = 0; i < 600; i++) {
      await clock.passing(100)
      board.put(jid(`u${i}@h`), 'a', presence())
    }
    assert(tries >= 6 && tries <= 120, `${tries} in 60 s`)
  })

  it('says again when it fails again', async () => {
    for (let i = 0; i < 2; i++) {
      store.fails = true
      board.put(ALICE, 'a', presence({ text: `${i}` }))
      await clock.passing(5)
      store.fails = false
      await clock.passing(10_000)
    }
    assert.deepEqual(events, ['failed: disk full', 'recovered', 'failed: disk full', 'recovered'])
  })

  it('survives a full disk in SQLite', async () => {
    const real = sqliteHome((database) => new SqlitePresenceStore(database)).open(directory())
    try {
      const writer = writerTo(real.store)
      real.fill()
      for (const user of users(3000)) board.put(user, 'a', presence({ text: 'x'.repeat(500) }))
      await clock.passing(60_000)
      assert.equal(events.filter((event) => event.startsWith('failed')).length, 1)
      assert(writer.failing)
      real.empty()
      await clock.passing(60_000)
      assert(!writer.failing)
      assert.equal([...(await real.store.presences())].length, 3000)
    } finally {
      real.close()
    }
  })

  describe('stop()', () => {
    it('stores what waits, and leaves no timer', async () => {
      for (const user of users(5000)) board.put(user, 'a', presence())
      await writer.stop()
      assert.equal(store.kept.size, 5000)
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
      assert.equal(store.kept.get(ALICE)?.text, '2')
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

  it('loses at most one tick to a kill: what a board had 5 ms ago is in the database', async () => {
    const database = openDatabase(directory())
    writerTo(new SqlitePresenceStore(database))
    board.put(ALICE, 'a', presence({ show: 'dnd', text: 'busy' }))
    await clock.passing(5)
    // As another process would find it, with this one's database still open.
    const other = openDatabase(directory())
    try {
      const [stored] = await new SqlitePresenceStore(other).presences()
      assert.deepEqual(stored, board.stored(ALICE))
    } finally {
      other.close()
      database.close()
    }
  })
})
