import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import type { BareJid } from '../../src/presence/jid.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { newUser, type User } from '../../src/presence/user.js'
import { UserTable } from '../../src/presence/user-table.js'
import { FakeClock } from './fake-clock.js'

const board = new PresenceBoard(new FakeClock(), { resources: 32, staleAfterMs: 1000 })
board.expect('nobody@localhost' as BareJid)
const domain = board.user('nobody@localhost' as BareJid)?.domain
assert.ok(domain)

const named = (n: number): User => newUser(`user${n}@localhost` as BareJid, domain)

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant('add' as const), n: fc.nat(200) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('delete' as const), n: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('next' as const) }) },
)

describe('The table of users', () => {
  it('holds who was added and not deleted, whatever came before', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 600, size: 'max' }), (seed, steps) => {
        const table = new UserTable(seed)
        const model = new Map<BareJid, User>()
        for (const { what, ...rest } of steps) {
          if (what === 'next' || !('n' in rest)) continue
          const user = named(rest.n)
          if (what === 'delete') {
            table.delete(user.jid)
            model.delete(user.jid)
          } else if (!model.has(user.jid)) {
            table.add(user)
            model.set(user.jid, user)
          }
        }
        assert.equal(table.size, model.size)
        assert.deepEqual(new Set(table), new Set(model.values()))
        for (let n = 0; n <= 200; n++) assert.equal(table.get(named(n).jid), model.get(named(n).jid))
      }),
    )
  })

  it('gives everybody who stays once, and nobody who has left, while others come and go', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(60), fc.array(step, { maxLength: 600, size: 'max' }), (seed, size, steps) => {
        const table = new UserTable(seed)
        for (let n = 0; n < size; n++) table.add(named(n))
        const staying = new Set(table)
        const given: User[] = []
        const users = table[Symbol.iterator]()
        const next = (): boolean => {
          const { done, value } = users.next()
          if (done) return false
          assert.equal(table.get(value.jid), value)
          given.push(value)
          return true
        }
        for (const one of steps) {
          if (one.what === 'next') {
            next()
            continue
          }
          const { jid } = named(one.n)
          const user = table.get(jid)
          if (one.what === 'add' && !user) table.add(named(one.n))
          if (one.what === 'delete' && user) {
            table.delete(jid)
            staying.delete(user)
          }
        }
        while (next());
        assert.equal(new Set(given).size, given.length)
        for (const user of staying) assert.ok(given.includes(user))
      }),
    )
  })

  it('gives back the room of those who have left', () => {
    const table = new UserTable(1)
    const before = heapInUse()
    for (let n = 0; n < 200_000; n++) table.add(named(n))
    for (let n = 1; n < 200_000; n++) table.delete(named(n).jid)
    assert.equal(table.get(named(0).jid)?.jid, named(0).jid)
    const kept = heapInUse() - before
    assert.ok(kept < 1_000_000, `${kept} bytes for one user`)
    assert.deepEqual(
      [...table].map(({ jid }) => jid),
      [named(0).jid],
    )
  })

  it('tells those apart whose JIDs have one hash', () => {
    const table = new UserTable(1)
    const byHash = new Map<number, User>()
    const pairs: [User, User][] = []
    for (let n = 0; n < 300_000; n++) {
      const user = newUser(`${Math.imul(n, 0x9e3779b1).toString(36)}.${n ** 2}@localhost` as BareJid, domain)
      table.add(user)
      const other = byHash.get(user.hash)
      if (other) pairs.push([other, user])
      else byHash.set(user.hash, user)
    }
    assert.ok(pairs.length > 0)
    for (const [one, other] of pairs) {
      assert.equal(table.get(one.jid), one)
      assert.equal(table.get(other.jid), other)
      table.delete(one.jid)
      assert.equal(table.get(one.jid), undefined)
      assert.equal(table.get(other.jid), other)
    }
  })
})

/** After all garbage is gone. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
