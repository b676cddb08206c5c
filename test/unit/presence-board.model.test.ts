import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { AvailableShow, ResourcePresence, Show } from '../../src/presence/presence.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import type { StoredPresence } from '../../src/presence/presence-store.js'
import { timeOf } from '../../src/presence/user.js'
import { FakeClock } from './fake-clock.js'
import { type Look, ReferenceBoard } from './reference-board.js'
import { jid } from './users.js'

/** `MODEL_RUNS`: how many; `MODEL_SEED` to repeat a run. */
const RUNS = Number(process.env.MODEL_RUNS ?? 100_000)
const SEED = process.env.MODEL_SEED === undefined ? {} : { seed: Number(process.env.MODEL_SEED) }

const STALE_AFTER_MS = 60_000
const BOOT = Date.parse('2026-03-01T12:00:00.000Z')
const DOMAINS = ['a.example', 'b.example']
const USERS = ['x@a.example', 'y@a.example', 'z@b.example', 'ghost@b.example'].map(jid)
const NAMES = ['r1', 'r2', 'r3', 'r4', '']
const MARKS = 3

type Step =
  | { do: 'put'; user: number; name: number; said: ResourcePresence; again: boolean }
  | { do: 'remove'; user: number; name: number | null; text: string | null; at: number | null }
  | { do: 'confirm'; user: number; name: number }
  | { do: 'mark'; slot: number }
  | { do: 'settle'; user: number; slot: number }
  | { do: 'settleDomain'; domain: number; slot: number }
  | { do: 'expect' | 'forget' | 'doubt'; user: number }
  | { do: 'linkUp' | 'linkDown' }
  | { do: 'pass'; ms: number }

const user = fc.nat(USERS.length - 1)
const name = fc.nat(NAMES.length - 1)
const slot = fc.nat(MARKS - 1)
const show = fc.constantFrom<AvailableShow>('chat', 'online', 'away', 'xa', 'dnd')
const text = fc.constantFrom(null, 'here', 'there')
/** Before the boot, about now, and after everything. */
const time = fc.oneof(
  fc.integer({ min: BOOT - 100_000, max: BOOT + 200_000 }),
  fc.constantFrom(0, BOOT, BOOT + 10 ** 10),
)
const priority = fc.oneof(fc.constantFrom(0, 0, 1, -1), fc.integer({ min: -999, max: 999 }))
const said: fc.Arbitrary<ResourcePresence> = fc.record({
  show,
  text,
  priority,
  stampedAt: fc.option(time, { freq: 2 }),
  idleSince: fc.oneof(fc.constantFrom(null, undefined), time),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('put' as const), user, name, said, again: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      user,
      name: fc.option(name, { freq: 3 }),
      text,
      at: fc.option(time),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('confirm' as const), user, name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('mark' as const), slot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), user, slot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settleDomain' as const), domain: fc.nat(1), slot }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('expect' as const, 'forget', 'doubt'), user }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('linkUp' as const, 'linkDown' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(0, 1, 500, 1999, 2000, 30_000, STALE_AFTER_MS - 1, STALE_AFTER_MS),
    }),
  },
)

const stored: fc.Arbitrary<Omit<StoredPresence, 'user'>> = fc.oneof(
  fc.record({
    show: show as fc.Arbitrary<Show>,
    text,
    shownSince: fc.option(fc.integer({ min: 0, max: BOOT })),
    idleSince: fc.option(fc.integer({ min: 0, max: BOOT })),
    resource: fc.constantFrom(...NAMES),
    priority: fc.integer({ min: -128, max: 127 }),
  }),
  fc.record({
    show: fc.constantFrom('offline' as const, 'unknown' as const),
    text,
    shownSince: fc.option(fc.integer({ min: 0, max: BOOT })),
    idleSince: fc.constant(null),
    resource: fc.constant(null),
    priority: fc.constant(0),
  }),
)

const history = fc.record({
  resources: fc.constantFrom(1, 2, 3, 32),
  loaded: fc.array(stored, { maxLength: 5 }),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
})

describe('PresenceBoard beside a plain model', function () {
  this.timeout(Math.max(20_000, RUNS * 10))

  it(`shows every user alike after every step, and tells each visible change once (${RUNS} histories)`, () => {
    fc.assert(fc.property(history, replay), { numRuns: RUNS, ...SEED })
  })
})

function replay({
  resources,
  loaded,
  steps,
}: {
  resources: number
  loaded: Omit<StoredPresence, 'user'>[]
  steps: Step[]
}) {
  const clock = new FakeClock(BOOT)
  const limits = { resources, staleAfterMs: STALE_AFTER_MS }
  const board = new PresenceBoard(clock, limits)
  const model = new ReferenceBoard(BOOT, limits)
  const told: { user: string; before: Show; after: Show; was: Look }[] = []
  board.onChange(({ user, before, after, was }) => {
    told.push({ user, before, after, was: { ...was, since: timeOf(was.since) } })
  })
  for (const [index, rest] of loaded.entries()) {
    const presence = { user: USERS[index % 2] ?? jid(''), ...rest }
    board.load(presence)
    model.load(presence, BOOT)
  }
  const marks = Array.from({ length: MARKS }, () => ({ board: board.mark(), model: model.mark() }))

  for (const step of steps) {
    const before = USERS.map((user) => model.look(user))
    told.length = 0
    take(step)
    const expected: typeof told = []
    for (const [index, user] of USERS.entries()) {
      assert.deepEqual(board.get(user, domainOf(user)), model.get(user, clock.now()), `${user} after ${step.do}`)
      const mark = markAt(0)
      assert.deepEqual(new Set(board.unheard(user, mark.board)), model.unheard(user, mark.model), 'unheard')
      const was = before[index] ?? model.look('')
      const is = model.look(user)
      if (was.show !== is.show || was.text !== is.text || was.since !== is.since) {
        expected.push({ user, before: was.show, after: is.show, was })
      }
    }
    assert.deepEqual([...told].sort(byUser), expected.sort(byUser), `changes told after ${step.do}`)
    assert.deepEqual({ ...board.counts }, count(), `counts after ${step.do}`)
    assert.deepEqual(board.freshnessCounts(), countFreshness(), `freshness counts after ${step.do}`)
  }

  function take(step: Step): void {
    const now = clock.now()
    switch (step.do) {
      case 'put':
        for (let i = 0; i <= Number(step.again); i++) {
          board.put(userAt(step.user), nameAt(step.name), step.said)
          model.put(userAt(step.user), nameAt(step.name), step.said, now)
        }
        return
      case 'remove': {
        const name = step.name === null ? null : nameAt(step.name)
        board.remove(userAt(step.user), name, step.text, step.at)
        model.remove(userAt(step.user), name, step.text, step.at, now)
        return
      }
      case 'confirm':
        board.confirm(userAt(step.user), nameAt(step.name))
        model.confirm(userAt(step.user), nameAt(step.name))
        return
      case 'mark':
        marks[step.slot] = { board: board.mark(), model: model.mark() }
        return
      case 'settle':
        board.settle(userAt(step.user), markAt(step.slot).board)
        model.settle(userAt(step.user), markAt(step.slot).model, now)
        return
      case 'settleDomain':
        void board.settleDomain(DOMAINS[step.domain] ?? '', markAt(step.slot).board)
        model.settleDomain(DOMAINS[step.domain] ?? '', markAt(step.slot).model, now)
        return
      case 'expect':
        board.expect(userAt(step.user))
        return model.expect(userAt(step.user))
      case 'doubt':
        board.doubt(userAt(step.user))
        return model.doubt(userAt(step.user))
      case 'forget':
        board.forget(userAt(step.user))
        return model.forget(userAt(step.user))
      case 'linkUp':
        board.linkUp()
        return model.linkUp(now)
      case 'linkDown':
        board.linkDown()
        return model.linkDown(now)
      case 'pass':
        return clock.pass(step.ms)
    }
  }

  function markAt(slot: number) {
    return marks[slot] ?? { board: 0, model: 0 }
  }

  function count(): Record<Show, number> {
    const counts = { chat: 0, online: 0, away: 0, xa: 0, dnd: 0, offline: 0, unknown: 0 }
    for (const user of model.users.keys()) {
      const { show } = model.look(user)
      counts[show === 'unknown' ? 'offline' : show]++
    }
    return counts
  }

  function countFreshness() {
    const counts = { live: 0, stale: 0, unknown: 0 }
    for (const user of model.users.keys()) counts[model.freshness(user, clock.now())]++
    return counts
  }
}

function userAt(index: number) {
  return USERS[index] ?? jid('')
}

function nameAt(index: number): string {
  return NAMES[index] ?? ''
}

function domainOf(user: string): string {
  return user.slice(user.indexOf('@') + 1)
}

function byUser(a: { user: string; after: string }, b: { user: string; after: string }): number {
  return a.user < b.user ? -1 : a.user > b.user ? 1 : 0
}
