import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { KeptBatch } from '../../src/presence/presence-store.js'
import { Retention } from '../../src/presence/retention.js'

const SECOND = 1000
const HOUR = 3600 * SECOND

describe('Retention', () => {
  const batch = (number: number, at: number, size = 1): KeptBatch => ({ number, at, size })

  it('keeps everything that is neither too old nor too much', () => {
    const retention = new Retention({ ms: HOUR, rows: 10 })
    retention.note(batch(1, 0, 5))
    retention.note(batch(2, 10 * SECOND, 5))
    assert.equal(retention.expired(HOUR), null)
  })

  it('lets go of what is older than that, once', () => {
    const retention = new Retention({ ms: HOUR, rows: 10 })
    for (const number of [1, 2, 3]) retention.note(batch(number, number * SECOND))
    assert.equal(retention.expired(HOUR + 2 * SECOND + 1), 2)
    assert.equal(retention.expired(HOUR + 2 * SECOND + 1), null)
    assert.equal(retention.expired(2 * HOUR), 3)
  })

  it('lets the oldest go earlier where there are more', () => {
    const retention = new Retention({ ms: HOUR, rows: 10 })
    for (const number of [1, 2, 3]) retention.note(batch(number, number * SECOND, 4))
    assert.equal(retention.expired(3 * SECOND), 1)
  })

  it('lets go of what was there before times were kept', () => {
    const retention = new Retention({ ms: HOUR, rows: 10 })
    retention.note(batch(7, 0))
    retention.note(batch(8, 1_700_000_000_000))
    assert.equal(retention.expired(1_700_000_000_000), 7)
  })

  it('keeps for its time what is appended after the clock was set back', () => {
    const retention = new Retention({ ms: HOUR, rows: 10 })
    retention.note(batch(1, 5 * HOUR))
    retention.note(batch(2, HOUR))
    assert.equal(retention.expired(2 * HOUR + 1), null)
    assert.equal(retention.expired(6 * HOUR + 1), 2)
  })

  it('never keeps more than it may, nor drops what it need not, whatever is appended when', () => {
    const step = fc.record({ pass: fc.constantFrom(0, 5, 400, 999, 1000, 20_000), size: fc.nat(6), asks: fc.boolean() })
    const limits = fc.record({ ms: fc.constantFrom(1000, 3000, 60_000), rows: fc.integer({ min: 1, max: 40 }) })
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60, size: 'max' }), ({ ms, rows }, steps) => {
        const retention = new Retention({ ms, rows })
        let kept: KeptBatch[] = []
        let now = 0
        for (const [number, { pass, size, asks }] of steps.entries()) {
          now += pass
          kept.push(batch(number, now, size))
          retention.note(batch(number, now, size))
          if (!asks) continue
          const upTo = retention.expired(now) ?? -1
          const dropped = kept.filter(({ number }) => number <= upTo)
          const left = kept.filter(({ number }) => number > upTo)
          const last = dropped.at(-1)
          assert(sizeOf(left) <= rows, `${sizeOf(left)} are kept`)
          for (const { at } of left) assert(at >= now - ms - SECOND, `kept for ${now - at} ms`)
          if (last && last.at >= now - ms) {
            // Not too old: then with those of its second there were too many.
            const second = dropped.filter(({ at }) => at > last.at - SECOND)
            assert(sizeOf([...second, ...left]) > rows, `dropped after ${now - last.at} ms`)
          }
          kept = left
        }
      }),
      { numRuns: 2000 },
    )
  })
})

function sizeOf(batches: readonly KeptBatch[]): number {
  return batches.reduce((sum, { size }) => sum + size, 0)
}
