import assert from 'node:assert/strict'
import type { BareJid } from '../../src/presence/jid.js'
import type { ResourcePresence } from '../../src/presence/presence.js'
import { PresenceBoard, type PresenceChange } from '../../src/presence/presence-board.js'
import { FakeClock } from './fake-clock.js'
import { jid, presence } from './users.js'

const STALE_AFTER_MS = 900_000
const ALICE = jid('alice@example.org')
const BOB = jid('bob@example.org')

describe('PresenceBoard', () => {
  let clock: FakeClock
  let board: PresenceBoard
  let changes: PresenceChange[]
  let beginning: number
  beforeEach(() => {
    clock = new FakeClock()
    beginning = clock.now()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: STALE_AFTER_MS })
    changes = []
    board.onChange((change) => changes.push(change))
  })

  const put = (name: string, said: Partial<ResourcePresence> = {}, user = ALICE) =>
    board.put(user, name, presence(said))
  const get = (user = ALICE) => board.get(user, 'example.org')
  const shown = () => get()?.show
  const freshness = (user = ALICE) => get(user)?.freshness

  it('knows nobody of whom nothing was heard', () => {
    board.linkUp()
    assert.equal(get(), null)
    assert.equal(board.get(ALICE, 'other.example'), null)
  })

  describe('the winner', () => {
    beforeEach(() => board.linkUp())

    it('has the highest priority, whatever its show', () => {
      put('a', { show: 'chat', priority: 1 })
      put('b', { show: 'dnd', priority: 2 })
      assert.equal(shown(), 'dnd')
    })

    it('may have a negative priority: that is available all the same', () => {
      put('a', { priority: -5 })
      assert.equal(shown(), 'online')
    })

    it('has a priority within −128..127', () => {
      put('a', { show: 'away', priority: 127 })
      put('b', { show: 'chat', priority: 999 })
      assert.equal(shown(), 'chat')
      put('c', { show: 'xa', priority: 128 })
      assert.equal(shown(), 'chat')
      board.remove(ALICE, null, null, null)
      put('a', { show: 'away', priority: -128 })
      put('b', { show: 'chat', priority: -999 })
      assert.equal(shown(), 'chat')
    })

    it('is, among equals, chat before online, away, xa and dnd', () => {
      const order = ['dnd', 'xa', 'away', 'online', 'chat'] as const
      for (const show of order) {
        put(show, { show })
        assert.equal(shown(), show)
      }
      for (const show of [...order].reverse()) {
        assert.equal(shown(), show)
        board.remove(ALICE, show, null, null)
      }
      assert.equal(shown(), 'offline')
    })

    it('is, among those alike, the most recent', () => {
      put('a', { text: 'a' })
      put('b', { text: 'b' })
      assert.equal(get()?.text, 'b')
      put('a', { text: 'a again' })
      assert.equal(get()?.text, 'a again')
    })

    it('does not change by saying the same again', () => {
      put('a', { text: 'a' })
      put('b', { text: 'b' })
      changes.length = 0
      put('a', { text: 'a' })
      assert.equal(get()?.text, 'b')
      assert.deepEqual(changes, [])
    })

    it('is followed by the next when it goes', () => {
      put('low', { show: 'away', priority: 0 })
      put('high', { show: 'chat', priority: 5 })
      board.remove(ALICE, 'high', 'bye', null)
      assert.deepEqual([shown(), get()?.text], ['away', null])
    })

    it('is followed by the next when it lowers itself', () => {
      put('a', { show: 'away', priority: 1 })
      put('b', { show: 'chat', priority: 5 })
      put('b', { show: 'chat', priority: 0 })
      assert.equal(shown(), 'away')
    })

    it('is not disturbed by those that go below it', () => {
      put('a', { priority: 5 })
      put('b', { show: 'dnd' })
      changes.length = 0
      board.remove(ALICE, 'b', 'bye', null)
      board.remove(ALICE, 'never-there', 'bye', null)
      assert.deepEqual(changes, [])
      assert.equal(get()?.text, null)
    })
  })

  it('keeps 32 resources, and drops the least recently changed for another', () => {
    board.linkUp()
    for (let i = 0; i < 32; i++) put(`r${i}`, { priority: -i, text: `${i}` })
    put('r0', { priority: 0, text: 'again' })
    put('r32', { priority: -100 })
    assert.deepEqual(names(), new Set(['r0', ...Array.from({ length: 31 }, (_, i) => `r${i + 2}`)]))
    for (let i = 0; i < 1000; i++) put(`x${i}`)
    assert.equal(names().size, 32)

    function names() {
      return new Set(board.unheard(ALICE, Number.POSITIVE_INFINITY))
    }
  })

  describe('since', () => {
    beforeEach(() => board.linkUp())
    const since = () => (get()?.since ?? Number.NaN) - beginning

    it('is when the show last changed', () => {
      put('a')
      clock.pass(1000)
      put('a', { show: 'away' })
      clock.pass(1000)
      put('a', { show: 'away', text: 'a new text', priority: 4 })
      assert.equal(since(), 1000)
    })

    it('counts the delay', () => {
      put('a', { stampedAt: beginning - 5000 })
      assert.equal(since(), -5000)
    })

    it('goes back when a stamp shows that it has been so for longer, never forth', () => {
      put('a', { stampedAt: beginning - 5000 })
      put('a', { stampedAt: beginning - 9000 })
      put('a', { stampedAt: beginning - 1000 })
      put('a')
      assert.equal(since(), -9000)
    })

    it('stays where a replay stamps in whole seconds what was heard within that second, or just after it', () => {
      clock.pass(618)
      put('a')
      const before = changes.length
      put('a', { stampedAt: beginning - 381 })
      // Set at the end of one second, heard in the next.
      put('a', { stampedAt: beginning - 384 })
      assert.deepEqual([since(), changes.length], [618, before])
      put('a', { stampedAt: beginning - 1382 })
      assert.deepEqual([since(), changes.length], [-1382, before + 1])
    })

    it('is when she became idle, if she says so', () => {
      put('a', { show: 'away', idleSince: beginning - 60_000, stampedAt: beginning - 10 })
      assert.equal(since(), -60_000)
      clock.pass(500)
      put('a', { show: 'online' })
      assert.equal(since(), 500)
    })

    it('is not moved by whole seconds counted from two arrivals', () => {
      put('a', { idleSince: beginning - 60_000 })
      changes.length = 0
      put('a', { idleSince: beginning - 58_001 })
      assert.deepEqual([since(), changes], [-60_000, []])
      put('a', { idleSince: beginning - 58_000 })
      assert.equal(since(), -58_000)
    })

    it('is kept by whoever does not know about idleness, as long as the show stays', () => {
      put('a', { show: 'away', idleSince: beginning - 60_000 })
      put('a', { show: 'away', idleSince: undefined })
      assert.equal(since(), -60_000)
      put('a', { show: 'xa', idleSince: undefined })
      assert.equal(since(), 0)
    })

    it('is never in the future', () => {
      put('a', { stampedAt: beginning + 99_999 })
      assert.equal(since(), 0)
      put('a', { idleSince: beginning + 99_999 })
      assert.equal(since(), 0)
      board.remove(ALICE, 'a', null, beginning + 99_999)
      assert.equal(since(), 0)
    })

    it('is when she went, if she is offline', () => {
      put('a')
      clock.pass(2000)
      board.remove(ALICE, 'a', 'bye', null)
      clock.pass(2000)
      assert.deepEqual([shown(), since(), get()?.text], ['offline', 2000, 'bye'])
    })

    it('is when her server says she went', () => {
      put('a')
      board.remove(ALICE, null, null, beginning - 3000)
      assert.equal(since(), -3000)
    })

    it('is not moved by an unavailable that comes again or late', () => {
      put('a')
      board.remove(ALICE, 'a', 'bye', null)
      changes.length = 0
      clock.pass(5000)
      board.remove(ALICE, 'a', 'late', null)
      board.remove(ALICE, null, null, null)
      assert.deepEqual([since(), get()?.text, changes], [0, 'bye', []])
    })

    it('is nothing where a server only says that she is not there', () => {
      board.expect(ALICE)
      board.remove(ALICE, null, null, null)
      assert.deepEqual(get(), { show: 'offline', text: null, since: null, freshness: 'live' })
    })

    it('makes nobody of whom it is only said that all of her is gone', () => {
      board.remove(ALICE, null, null, null)
      assert.equal(get(), null)
    })

    it('is the later time where she came and went unseen since it was last known', () => {
      const user = { user: BOB, text: null, idleSince: null, resource: null, priority: 0 }
      board.load({ ...user, show: 'offline', shownSince: beginning - 86_400_000 })
      // The answer to a probe after hours without a link (RFC 6121 §4.3.2, XEP-0203).
      board.remove(BOB, null, null, beginning - 600_000)
      assert.equal(get(BOB)?.since, beginning - 600_000)
    })
  })

  describe('freshness', () => {
    it('is live once everything known of her was heard on this link', () => {
      board.linkUp()
      put('a')
      put('b')
      assert.equal(freshness(), 'live')
      board.linkDown()
      board.linkUp()
      assert.equal(freshness(), 'stale')
      put('a')
      assert.equal(freshness(), 'stale')
      put('b')
      assert.equal(freshness(), 'live')
    })

    it('is stale at once without the link, and unknown after staleAfter', () => {
      board.linkUp()
      put('a', { show: 'dnd', text: 'busy' })
      board.linkDown()
      assert.deepEqual([freshness(), shown()], ['stale', 'dnd'])
      clock.pass(STALE_AFTER_MS - 1)
      assert.deepEqual([freshness(), shown()], ['stale', 'dnd'])
      clock.pass(1)
      assert.deepEqual(get(), { show: 'unknown', text: null, since: null, freshness: 'unknown' })
    })

    it('counts from the link that last covered her, whatever came between', () => {
      board.linkUp()
      put('a')
      board.linkDown()
      for (let i = 0; i < 10; i++) {
        clock.pass(STALE_AFTER_MS / 10)
        board.linkUp()
        if (i < 9) assert.equal(freshness(), 'stale')
        board.linkDown()
      }
      assert.equal(freshness(), 'unknown')
    })

    it('never stays stale for ever on a link that flaps', () => {
      board.linkUp()
      put('a')
      for (let i = 0; i < 500; i++) {
        board.linkUp()
        clock.pass(STALE_AFTER_MS / 400)
        board.linkDown()
      }
      assert.equal(freshness(), 'unknown')
    })

    it('comes back with what was known once she is covered again', () => {
      board.linkUp()
      put('a', { show: 'dnd' })
      board.linkDown()
      clock.pass(STALE_AFTER_MS * 2)
      board.linkUp()
      assert.equal(shown(), 'unknown')
      put('a', { show: 'dnd' })
      assert.deepEqual([shown(), freshness(), get()?.since], ['dnd', 'live', beginning])
    })

    it('turns nobody offline when the link goes', () => {
      board.linkUp()
      put('a')
      changes.length = 0
      board.linkDown()
      board.linkUp()
      assert.equal(shown(), 'online')
      assert.deepEqual(changes, [])
    })

    it('of what was loaded is stale, then unknown', () => {
      const stored = {
        user: ALICE,
        show: 'away',
        text: 'x',
        shownSince: 1,
        idleSince: null,
        resource: 'a',
        priority: 0,
      }
      board.load({ ...stored, show: 'away' })
      assert.deepEqual(get(), { show: 'away', text: 'x', since: 1, freshness: 'stale' })
      clock.pass(STALE_AFTER_MS)
      assert.equal(freshness(), 'unknown')
      assert.deepEqual(changes, [])
    })

    it('of somebody expected and never seen is unknown, not offline', () => {
      board.expect(ALICE)
      assert.equal(freshness(), 'unknown')
      board.linkUp()
      assert.equal(freshness(), 'unknown')
    })
  })

  describe('proof', () => {
    beforeEach(() => {
      board.linkUp()
      put('old')
      clock.pass(1000)
    })

    it('takes away what was not heard since the mark, and nothing else', () => {
      const mark = board.mark()
      put('new', { show: 'away' })
      board.settle(ALICE, mark)
      assert.equal(shown(), 'away')
      board.settle(ALICE, board.mark())
      assert.deepEqual([shown(), get()?.since, get()?.text], ['offline', beginning + 1000, null])
    })

    it('leaves what was confirmed', () => {
      const mark = board.mark()
      board.confirm(ALICE, 'old')
      board.confirm(ALICE, 'never-there')
      board.settle(ALICE, mark)
      assert.equal(shown(), 'online')
    })

    it('of an earlier link proves nothing', async () => {
      const mark = board.mark()
      board.linkDown()
      board.settle(ALICE, mark)
      await board.settleDomain('example.org', mark)
      board.linkUp()
      board.settle(ALICE, mark)
      await board.settleDomain('example.org', mark)
      assert.deepEqual([shown(), freshness()], ['online', 'stale'])
    })

    it('for a domain covers everybody in it, also those who come later, and nobody else', async () => {
      board.put(jid('x@other.example'), 'a', presence())
      board.linkUp()
      const mark = board.mark()
      put('b', {}, BOB)
      await board.settleDomain('example.org', mark)
      board.expect(jid('late@example.org'))
      assert.equal(shown(), 'offline')
      assert.equal(get(BOB)?.show, 'online')
      for (const user of [ALICE, BOB, jid('late@example.org')]) assert.equal(freshness(user), 'live')
      assert.equal(board.get(jid('x@other.example'), 'other.example')?.freshness, 'stale')
    })

    it('for a domain speaks of everybody who is expected while it goes through those who are there', async () => {
      for (let i = 0; i < 5000; i++) board.put(jid(`u${i}@example.org`), 'a', presence())
      const late = Array.from({ length: 5000 }, (_, i) => jid(`late${i}@example.org`))
      const settling = board.settleDomain('example.org', board.mark())
      changes.length = 0
      for (const user of late) board.expect(user)
      board.forget(jid('late0@example.org'))
      assert.deepEqual(changes, [])
      await clock.passing(1000)
      await settling
      const told = changes.filter(({ before, after }) => before === 'unknown' && after === 'offline')
      assert.deepEqual(new Set(told.map(({ user }) => user)), new Set(late.slice(1)))
      assert.equal(told.length, 4999)
      assert.equal(freshness(jid('late1@example.org')), 'live')
    })

    it('for a domain lets others have their turn, and ends when the link goes', async () => {
      for (let i = 0; i < 5000; i++) board.put(jid(`u${i}@example.org`), 'a', presence())
      const mark = board.mark()
      const settling = board.settleDomain('example.org', mark)
      const offline = board.counts.offline
      assert(offline > 0 && offline < 5000, `${offline} in one go`)
      board.linkDown()
      await clock.passing(1000)
      await settling
      assert.equal(board.counts.offline, offline)
      board.linkUp()
      assert.equal(freshness(jid('u4999@example.org')), 'stale')
    })
  })

  describe('changes', () => {
    beforeEach(() => board.linkUp())

    it('are told with the shows before and after', () => {
      const hers = { user: ALICE, domain: 'example.org' }
      put('a', { show: 'away', text: 'tea' })
      board.remove(ALICE, 'a', null, null)
      board.forget(ALICE)
      assert.deepEqual(changes, [
        { ...hers, before: 'unknown', after: 'away', was: { show: 'unknown', text: null, since: -1 } },
        { ...hers, before: 'away', after: 'offline', was: { show: 'away', text: 'tea', since: beginning } },
        { ...hers, before: 'offline', after: 'unknown', was: { show: 'offline', text: null, since: beginning } },
      ])
      assert.equal(get(), null)
    })

    describe('of who was never seen', () => {
      const told = () => changes.map(({ user, before, after }) => [user, before, after])

      it('are told at the first proof: she is offline then, and not before', async () => {
        board.expect(ALICE)
        board.expect(BOB)
        board.linkUp()
        assert.deepEqual(told(), [])
        board.settle(ALICE, board.mark())
        assert.deepEqual(told(), [[ALICE, 'unknown', 'offline']])
        await board.settleDomain('example.org', board.mark())
        assert.deepEqual(told().slice(1), [[BOB, 'unknown', 'offline']])
        board.remove(BOB, null, null, null)
        await board.settleDomain('example.org', board.mark())
        assert.equal(changes.length, 2)
        assert.deepEqual(board.counts.offline, 2)
      })

      it('are told at once where her whole domain is proven, and not where that is over or not of her', async () => {
        board.linkUp()
        await board.settleDomain('example.org', board.mark())
        board.expect(ALICE)
        board.doubt(BOB)
        board.expect(BOB)
        assert.deepEqual(told(), [[ALICE, 'unknown', 'offline']])
        board.linkDown()
        board.expect(jid('late@example.org'))
        assert.equal(changes.length, 1)
      })

      it('begin where the log has nothing of her, though her whole domain was proven', async () => {
        board.linkUp()
        await board.settleDomain('example.org', board.mark())
        put('a')
        board.remove(BOB, 'a', null, null)
        board.remove(jid('past@example.org'), 'a', null, beginning - 1000)
        assert.deepEqual(
          changes.map(({ before, was, after }) => [before, was.show, after]),
          [
            ['unknown', 'unknown', 'online'],
            ['unknown', 'unknown', 'offline'],
            ['unknown', 'unknown', 'offline'],
          ],
        )
      })

      it('are not told when she is forgotten', () => {
        board.expect(ALICE)
        board.forget(ALICE)
        assert.deepEqual(told(), [])
      })

      it('are not stored as if she had been', () => {
        board.expect(ALICE)
        assert.equal(board.stored(ALICE).show, 'unknown')
      })
    })

    it('are told no more after listening ended', () => {
      const more: PresenceChange[] = []
      const stop = board.onChange((change) => more.push(change))
      stop()
      put('a')
      assert.deepEqual(more, [])
    })

    it('may be read in the board by whoever is told', () => {
      const seen: unknown[] = []
      board.onChange(({ user, domain }) => seen.push(board.get(user, domain)?.text))
      put('a', { text: '1' })
      put('a', { text: '2' })
      assert.deepEqual(seen, ['1', '2'])
    })
  })

  it('counts users by show as they change', () => {
    board.linkUp()
    put('a', { show: 'away' })
    put('b', {}, BOB)
    board.expect(jid('c@example.org'))
    const zero = { chat: 0, online: 0, away: 0, xa: 0, dnd: 0, offline: 0, unknown: 0 }
    assert.deepEqual({ ...board.counts }, { ...zero, away: 1, online: 1, offline: 1 })
    for (const user of [ALICE, BOB, jid('c@example.org')]) board.forget(user)
    assert.deepEqual({ ...board.counts }, zero)
  })

  it('gives a restart what it needs, of the winner or since when she is gone', () => {
    board.linkUp()
    put('low', { priority: 1 })
    put('high', { show: 'xa', text: 't', priority: 200, idleSince: beginning - 5000 })
    const rest = { text: 't', shownSince: beginning, idleSince: beginning - 5000, resource: 'high', priority: 127 }
    const stored = board.stored(ALICE)
    assert.deepEqual(stored, { user: ALICE, show: 'xa', ...rest })
    const next = new PresenceBoard(clock, { resources: 32, staleAfterMs: STALE_AFTER_MS })
    next.load(stored)
    assert.deepEqual({ ...next.get(ALICE, 'example.org'), freshness: '' }, { ...get(), freshness: '' })
    assert.deepEqual(next.stored(ALICE), stored)
    board.remove(ALICE, null, 'bye', null)
    assert.equal(board.stored(ALICE).show, 'offline')
    board.forget(ALICE)
    assert.equal(board.stored(ALICE).show, 'unknown')
  })

  it('does not call stale anew what was stale before the restart', () => {
    board.linkUp()
    put('a')
    const stored = board.stored(ALICE)
    const lastKnown = clock.now() - STALE_AFTER_MS / 2
    const next = new PresenceBoard(clock, { resources: 32, staleAfterMs: STALE_AFTER_MS }, lastKnown)
    next.load(stored)
    assert.equal(next.get(ALICE, 'example.org')?.freshness, 'stale')
    clock.pass(STALE_AFTER_MS / 2)
    assert.equal(next.get(ALICE, 'example.org')?.freshness, 'unknown')
  })

  it('keeps no name of a resource that is gone', () => {
    board.linkUp()
    put('a-client.3f6aada')
    board.remove(ALICE, 'a-client.3f6aada', 'bye', null)
    assert.equal(board.user(ALICE)?.name, '')
  })

  it('names who has been offline since before a time, and nobody of whom no time is known', () => {
    board.linkUp()
    put('a')
    board.remove(ALICE, 'a', null, null)
    put('b', {}, BOB)
    board.expect(jid('c@example.org'))
    clock.pass(1000)
    assert.deepEqual([...board.offlineSinceBefore(clock.now())], [ALICE])
    assert.deepEqual([...board.offlineSinceBefore(beginning)], [])
  })

  describe('refuses whom it is told to refuse', () => {
    const refused = new Set<BareJid>()
    let asked: BareJid[]
    beforeEach(() => {
      refused.clear()
      refused.add(ALICE)
      asked = []
      const limits = { resources: 32, staleAfterMs: STALE_AFTER_MS }
      board = new PresenceBoard(clock, limits, null, (user) => asked.push(user) > 0 && refused.has(user))
      board.linkUp()
    })

    it('by whatever way she would come', async () => {
      put('a')
      board.remove(ALICE, 'a', null, null)
      board.remove(ALICE, null, null, null)
      board.expect(ALICE)
      board.confirm(ALICE, 'a')
      board.doubt(ALICE)
      await board.settleDomain('example.org', board.mark())
      assert.equal(board.get(ALICE, 'example.org'), null)
      assert.equal(board.size, 0)
      assert.equal(board.refuses(ALICE), true)
    })

    it('and asks of nobody who is on it', () => {
      put('a', {}, BOB)
      asked = []
      for (const show of ['away', 'xa'] as const) put('a', { show }, BOB)
      put('b', {}, BOB)
      board.remove(BOB, 'b', null, null)
      board.expect(BOB)
      assert.equal(board.refuses(BOB), false)
      assert.deepEqual(asked, [])
    })

    it('until it is not', () => {
      put('a')
      refused.delete(ALICE)
      put('a', { show: 'away' })
      assert.equal(board.get(ALICE, 'example.org')?.show, 'away')
    })
  })

  describe('does not know of a user to whom nobody listened until now', () => {
    beforeEach(async () => {
      board.linkUp()
      await board.settleDomain('example.org', board.mark())
    })
    const freshness = () => board.get(ALICE, 'example.org')?.freshness

    it('how she is, though her domain was proven', () => {
      board.doubt(ALICE)
      assert.deepEqual(board.get(ALICE, 'example.org'), {
        show: 'unknown',
        text: null,
        since: null,
        freshness: 'unknown',
      })
      board.expect(BOB)
      assert.equal(board.get(BOB, 'example.org')?.freshness, 'live')
      assert.deepEqual(board.freshnessCounts(), { live: 1, stale: 0, unknown: 1 })
    })

    it('until she speaks', () => {
      board.doubt(ALICE)
      put('a')
      assert.equal(freshness(), 'live')
      board.doubt(ALICE)
      board.remove(ALICE, 'a', null, null)
      assert.equal(freshness(), 'live')
    })

    it('until a proof that began after that, and by none that began before', async () => {
      const before = board.mark()
      board.doubt(ALICE)
      await board.settleDomain('example.org', before)
      assert.equal(freshness(), 'unknown')
      await board.settleDomain('example.org', board.mark())
      assert.equal(freshness(), 'live')
      board.doubt(ALICE)
      board.settle(ALICE, board.mark())
      assert.equal(freshness(), 'live')
    })

    it('nor when the link was lost and found meanwhile', async () => {
      board.doubt(ALICE)
      board.linkDown()
      assert.equal(freshness(), 'unknown')
      board.linkUp()
      assert.equal(freshness(), 'unknown')
      await board.settleDomain('example.org', board.mark())
      assert.equal(freshness(), 'live')
    })
  })
})
