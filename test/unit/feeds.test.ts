import assert from 'node:assert/strict'
import type { AppId, Scope } from '../../src/apps/app.js'
import type { Grant } from '../../src/apps/grant.js'
import { Cursors } from '../../src/delivery/cursors.js'
import type { Feed } from '../../src/delivery/feed.js'
import { Feeds } from '../../src/delivery/feeds.js'
import { LogTail } from '../../src/delivery/log-tail.js'
import { asObject, asPair, type Told } from '../../src/delivery/update.js'
import { type BareJid, domainOf } from '../../src/presence/jid.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { timeOf } from '../../src/presence/user.js'
import { Storage } from '../../src/storage/storage.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid, presence } from './users.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const OTHER = 'app_bbbbbbbbbbbbbbbbbbbbbbbb' as AppId
const ALICE = jid('alice@h')
const BOB = jid('bob@h')

describe('Feeds', () => {
  const directory = temporaryDirectory()
  let clock: FakeClock
  let storage: Storage
  let board: PresenceBoard
  let writer: PresenceWriter
  let tail: LogTail
  let feeds: Feeds
  beforeEach(async () => {
    clock = new FakeClock()
    storage = new Storage(directory(), { failed: () => {}, recovered: () => {} }, { now: () => clock.now() })
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 })
    writer = new PresenceWriter(board, storage.presences, clock, AN_HOUR_OF_CHANGES)
    writer.start()
    board.linkUp()
    const after = (ms: number, run: () => void) => clock.after(ms, run)
    const failed = (error: unknown) => {
      throw error
    }
    tail = new LogTail({ log: storage.changes, after, failed })
    await tail.start()
    feeds = new Feeds({
      tail,
      grants: storage.grants,
      cursors: new Cursors(Buffer.alloc(32), await storage.changes.epoch()),
      logged: (user) => {
        const { show, text, since } = writer.logged(user)
        return { show, text, since: timeOf(since) }
      },
      address: (user) => user,
      freshness: (user) => board.get(user, domainOf(user))?.freshness ?? null,
      doubts: () => board.doubts,
      after,
    })
    writer.onAppend((batch) => tail.appended(batch))
  })
  afterEach(async () => {
    feeds.stop()
    tail.stop()
    await writer.stop()
    await storage.close()
  })

  /** Gives, or changes, a grant. */
  async function grant(user: BareJid, to: Partial<Grant> = {}): Promise<Grant> {
    const appid = to.appid ?? APP
    const before = await storage.grants.find(user, appid)
    const uid = `UID${user.split('@')[0]?.padEnd(22, '-')}`
    const scope: readonly Scope[] = ['status']
    const after = await storage.grants.save({ user, appid, uid, scope, paused: false, grantedAt: 1, ...before, ...to })
    feeds.changed({ before, after })
    await tail.caughtUp()
    return after
  }

  async function revoke(user: BareJid): Promise<void> {
    const before = await storage.grants.find(user, APP)
    await storage.grants.remove(user, APP)
    feeds.changed({ before, after: null })
    await tail.caughtUp()
  }

  function listening(feed: Feed): Told[] {
    const heard: Told[] = []
    feed.listen({ told: (told) => heard.push(...told), lost: () => assert.fail('lost') })
    return heard
  }

  const texts = (told: readonly Told[]) => told.map(({ update }) => asPair(update).replace(/UID(\w+)-+/, '$1'))

  /** All that came after a position, as somebody gets it who was not there. */
  async function since(feed: Feed, from: number): Promise<Told[]> {
    const all: Told[] = []
    for (let position = from; !feed.isAtEnd(position); ) {
      const step = await feed.after(position)
      assert.ok(step)
      all.push(...step.told)
      position = step.position
    }
    return all
  }

  it('show each app its users in an order of its own', async () => {
    const uids = ['UIDb', 'UIDc', 'UIDa']
    for (const [i, uid] of uids.entries()) await grant(jid(`u${i}@h`), { uid })
    const feed = await feeds.open(APP)
    const { seen } = await feed.snapshot()
    assert.deepEqual(
      seen.map((each) => each.grant.uid),
      ['UIDa', 'UIDb', 'UIDc'],
    )
    feeds.close(feed)
  })

  it('are kept for half a minute without readers, true to what changes meanwhile, and no longer', async () => {
    await grant(ALICE)
    const first = await feeds.open(APP)
    feeds.close(first)
    await clock.passing(30_000)
    await grant(BOB)
    const again = await feeds.open(APP)
    assert.equal(again, first)
    assert.equal((await again.snapshot()).seen.length, 2)
    feeds.close(again)
    await clock.passing(31_000)
    assert.notEqual(await feeds.open(APP), first)
  })

  it('are read on a few thousand presences at a time, also where the log is at hand', async () => {
    const feed = await feeds.open(APP)
    const { position } = feed
    for (const show of ['away', 'dnd', 'xa'] as const) {
      for (let i = 0; i < 1500; i++) board.put(jid(`u${i}@h`), 'r', presence({ show }))
      await clock.passing(10)
    }
    const step = await feed.after(position)
    assert(step && !feed.isAtEnd(step.position))
    const next = await feed.after(step.position)
    assert(next && feed.isAtEnd(next.position))
    feeds.close(feed)
  })

  it('tells an app of its users, by what they let it see, in the order of the log', async () => {
    await grant(ALICE)
    await grant(BOB, { scope: ['status', 'details', 'address'] })
    const feed = await feeds.open(APP)
    const heard = listening(feed)
    const start = feed.position
    board.put(ALICE, 'a', presence({ show: 'xa', text: 'away' }))
    board.put(BOB, 'a', presence({ show: 'dnd', text: '"busy" 😀' }))
    await clock.passing(5)
    board.put(ALICE, 'a', presence({ show: 'away', text: 'still' }))
    board.put(BOB, 'a', presence({ show: 'dnd', text: null }))
    await clock.passing(5)
    const at = new Date(clock.now() - 10).toISOString()
    const expected = [
      '["alice","away"]',
      `["bob","unavailable",{"show":"dnd","text":"\\"busy\\" 😀","since":"${at}","jid":"bob@h"}]`,
      `["bob","unavailable",{"show":"dnd","text":null,"since":"${at}","jid":"bob@h"}]`,
    ]
    assert.deepEqual(texts(heard), expected)
    assert.deepEqual(await since(feed, start), heard)
    assert.deepEqual(await since(feed, heard[1]?.position ?? 0), heard.slice(2))
  })

  it('begins with what the log has, not with what it does not have yet', async () => {
    await grant(ALICE)
    board.put(ALICE, 'a', presence({ show: 'away' }))
    await clock.passing(5)
    const feed = await feeds.open(APP)
    board.put(ALICE, 'a', presence({ show: 'dnd' }))
    const { seen, position } = await feed.snapshot()
    const updates = feed.updates(seen)
    assert.deepEqual(
      updates.map(({ status }) => status),
      ['away'],
    )
    await clock.passing(5)
    assert.deepEqual(texts(await since(feed, position)), ['["alice","unavailable"]'])
  })

  it('lets what becomes of a grant take effect at once, also for who was not there', async () => {
    board.put(ALICE, 'a', presence({ show: 'away', text: 'x' }))
    await clock.passing(5)
    const feed = await feeds.open(APP)
    const heard = listening(feed)
    const start = feed.position
    await grant(ALICE)
    await grant(ALICE, { scope: ['status', 'address'] })
    await grant(ALICE, { paused: true })
    board.put(ALICE, 'a', presence({ show: 'dnd' }))
    await clock.passing(5)
    await grant(ALICE, { paused: false })
    const before = feed.position
    board.put(ALICE, 'a', presence({ show: 'chat' }))
    await clock.passing(5)
    await revoke(ALICE)
    board.put(ALICE, 'a', presence({ show: 'away' }))
    await clock.passing(5)
    assert.deepEqual(texts(heard), [
      '["alice","away"]',
      '["alice","away",{"jid":"alice@h"}]',
      '["alice","offline"]',
      '["alice","unavailable",{"jid":"alice@h"}]',
      '["alice","online",{"jid":"alice@h"}]',
      '["alice","offline",{"revoked":true}]',
    ])
    // What she has taken back is told to nobody who comes later.
    for (const from of [start, before]) {
      assert.deepEqual(texts(await since(feed, from)), ['["alice","offline",{"revoked":true}]'])
    }
    assert.deepEqual((await feed.snapshot()).seen, [])
  })

  it('keeps apps apart', async () => {
    await grant(ALICE)
    const other = await grant(ALICE, { appid: OTHER, uid: 'UIDother' })
    const [feed, foreign] = [await feeds.open(APP), await feeds.open(OTHER)]
    const [heard, theirs] = [listening(feed), listening(foreign)]
    board.put(ALICE, 'a', presence({ show: 'away' }))
    await clock.passing(5)
    assert.equal(heard.length, 1)
    assert.deepEqual(
      theirs.map(({ update }) => asObject(update)),
      [`{"uid":"${other.uid}","status":"away"}`],
    )
    const position = heard[0]?.position ?? 0
    const cursor = feed.cursors.write(position)
    assert.equal(feed.cursors.read(cursor), position)
    assert.equal(foreign.cursors.read(cursor), null)
    assert.notEqual(foreign.cursors.write(position), cursor)
  })

  it('says when what it told may not hold any more, and when it does again', async () => {
    await grant(ALICE)
    board.put(ALICE, 'a', presence())
    await clock.passing(5)
    const feed = await feeds.open(APP)
    const turns: string[] = []
    feed.listen({ told: () => {}, lost: () => {}, freshness: (freshness) => turns.push(freshness) })
    await clock.passing(600)
    assert.deepEqual([feed.freshness, turns], ['live', []])
    board.linkDown()
    await clock.passing(500)
    assert.deepEqual(turns, ['stale'])
    board.linkUp()
    await clock.passing(1000)
    board.put(ALICE, 'a', presence())
    await clock.passing(500)
    assert.deepEqual(turns, ['stale', 'live'])
  })
})
