import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { Ahead, AheadBudget } from '../../src/delivery/ahead.js'
import type { Told } from '../../src/delivery/update.js'

const LEAST = 10
const toldFrom = (position: number): Told => ({ update: { uid: 'UID1', status: 'away' }, position, cursor: 'c' })

describe('What was read ahead', () => {
  it('is given in order, once, and holds no more of what was sent than of what was not', () => {
    const step = fc.oneof(fc.record({ add: fc.nat(30) }), fc.record({ drop: fc.nat(30) }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ahead = new Ahead(LEAST, new AheadBudget())
        const waiting: number[] = []
        let next = 1
        for (const each of steps) {
          if ('add' in each) {
            const told = Array.from({ length: each.add }, () => toldFrom(next++))
            assert(ahead.add(told))
            waiting.push(...told.map(({ position }) => position))
          } else {
            const count = Math.min(each.drop, waiting.length)
            ahead.drop(count)
            waiting.splice(0, count)
          }
          const all = ahead.first(ahead.count).map(({ position }) => position)
          assert.deepEqual(all, waiting)
          assert.equal(ahead.last?.position, waiting.at(-1))
          assert(ahead.held <= 2 * waiting.length, `${ahead.held} for ${waiting.length}`)
        }
      }),
    )
  })

  it('holds little of an app that is always a little behind', () => {
    const ahead = new Ahead(LEAST, new AheadBudget())
    ahead.add([toldFrom(0)])
    for (let position = 1; position < 20_000; position++) {
      ahead.add([toldFrom(position)])
      ahead.drop(1)
      assert(ahead.held <= LEAST)
    }
  })
})
