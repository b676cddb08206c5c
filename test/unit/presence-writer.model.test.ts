import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { BareJid } from '../../src/presence/jid.js'
import type { AvailableShow } from '../../src/presence/presence.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import type { LoggedPresence, PresenceStore, StoredChange } from '../../src/presence/presence-store.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { timeOf } from '../../src/presence/user.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { FakeClock } from './fake-clock.js'
import { jid, presence } from './users.js'

const RUNS = Number(process.env.MODEL_RUNS ?? 2000)
const DOMAIN = 'a.example'
const USERS = ['x', 'y', 'z'].map((local) => jid(`${local}@${DOMAIN}`))
const LIMITS = { resources: 2, staleAfterMs: 60_000 }
const NOTHING = { show: 'unknown', text: null, since: null }

type Log = (LoggedPresence | null)[][]

/** A log as plain as can be, which appends when it is told to, or fails. */
class PlainLog implements PresenceStore {
  readonly batches: Log = []
  #pending: { batch: Log[number]; append(): void; fail(): void } | null = null
  /** What it would take a while to append. */
  slow = false

  append(presences: readonly LoggedPresence[]): Promise<number> {
    const batch: Log[number] = [...presences]
    return new Promise((resolve, reject) => {
      this.#pending = {
        batch,
        append: () => resolve(this.batches.push(batch)),
        fail: () => reject(new Error('disk full')),
      }
      if (!this.slow) this.release('append')
    })
  }

  release(how: 'append' | 'fail'): void {
    const pending = this.#pending
    this.#pending = null
    pending?.[how]()
  }

  /** As for who deletes her account. */
  remove(user: BareJid): void {
    for (const batch of [...this.batches, this.#pending?.batch ?? []]) {
      for (const [place, row] of batch.entries()) if (row?.user === user) batch[place] = null
    }
  }

  async changes(): Promise<StoredChange[]> {
    return this.batches.flatMap((batch, index) =>
      batch.flatMap((presence) => (presence ? [{ batch: index + 1, presence }] : [])),
    )
  }

  async fold(): Promise<void> {}
  async prune(): Promise<void> {}
  async saveKnownUntil(): Promise<void> {}
  async kept() {
    return []
  }
  async knownUntil() {
    return null
  }
}

const user = fc.nat(USERS.length - 1)
const name = fc.constantFrom('r1', 'r2', 'r3')
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      user,
      name,
      show: fc.constantFrom<AvailableShow>('online', 'away'),
      text: fc.constantFrom(null, 'here'),
      idle: fc.constantFrom(null, undefined, 5000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('remove' as const), user, name: fc.option(name) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('expect' as const, 'doubt', 'forget', 'settle'), user }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('delete account' as const, 'sign in'), user }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('link up' as const, 'link down', 'settle domain', 'restart') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('slow' as const, 'append', 'fail') }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 5, 10_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

describe('PresenceWriter beside a plain log', function () {
  this.timeout(Math.max(20_000, RUNS * 20))

  it(`knows at any moment what the log has of each user, and what it had before (${RUNS} histories)`, () =>
    fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), replay), { numRuns: RUNS }))
})

async function replay(steps: readonly Step[]): Promise<void> {
  const clock = new FakeClock()
  const log = new PlainLog()
  const refused = new Set<BareJid>()
  let { board, writer } = await begin()

  async function begin() {
    const board = new PresenceBoard(clock, LIMITS, null, (user) => refused.has(user))
    const writer = new PresenceWriter(board, log, clock, AN_HOUR_OF_CHANGES)
    await writer.load(() => true)
    writer.start()
    writer.onAppend(({ number, presences }) => {
      const found = log.batches[number - 1]
      assert.deepEqual(
        presences.map((row, place) => found?.[place] && row),
        found,
      )
    })
    return { board, writer }
  }

  async function take(step: Step): Promise<void> {
    const who = 'user' in step ? (USERS[step.user] ?? jid('')) : jid('')
    switch (step.do) {
      case 'put': {
        const idleSince = step.idle == null ? step.idle : clock.now() - step.idle
        return board.put(who, step.name, presence({ show: step.show, text: step.text, idleSince }))
      }
      case 'remove':
        return board.remove(who, step.name, null, null)
      case 'expect':
      case 'doubt':
      case 'forget':
        return board[step.do](who)
      case 'settle':
        return board.settle(who, board.mark())
      case 'settle domain':
        return board.settleDomain(DOMAIN, board.mark())
      case 'delete account':
        refused.add(who)
        log.remove(who)
        return board.forget(who)
      case 'sign in':
        if (refused.delete(who)) board.doubt(who)
        return
      case 'link up':
        return board.linkUp()
      case 'link down':
        return board.linkDown()
      case 'slow':
        log.slow = true
        return
      case 'append':
      case 'fail':
        log.slow = step.do === 'fail'
        return log.release(step.do)
      case 'restart': {
        log.slow = false
        log.release('append')
        await writer.stop()
        const begun = await begin()
        board = begun.board
        writer = begun.writer
        return
      }
      case 'pass':
        return clock.passing(step.ms)
    }
  }

  for (const [index, step] of steps.entries()) {
    await take(step)
    // Whoever appended hears of it.
    await clock.passing(0)
    const found = USERS.map((user) => {
      const { show, text, since } = writer.logged(user)
      return { show, text, since: timeOf(since) }
    })
    const expected = USERS.map((user) => lastOf(user, log.batches))
    assert.deepEqual(found, expected, `after ${index + 1} steps, ${step.do}`)
  }
  log.slow = false
  log.release('append')
  await writer.stop()
  assert.equal(clock.timers, 0)
  const loggedBefore = new Map<BareJid, string>()
  for (const row of log.batches.flat()) {
    if (row === null) continue
    const { user, was, show } = row
    // Who was deleted and has come back begins anew.
    assert.equal(was, loggedBefore.get(user) ?? 'unknown')
    loggedBefore.set(user, show)
  }
}

function lastOf(user: BareJid, log: Log) {
  const last = log.flat().findLast((row) => row?.user === user)
  return last ? { show: last.show, text: last.text, since: last.idleSince ?? last.shownSince } : NOTHING
}
