import assert from 'node:assert/strict'
import { keepTickShape, tickObject } from '../../src/ops/tick-shape.js'

describe('keepTickShape', () => {
  it('holds on to the very object of a tick, whose shape all of them have', (done) => {
    let callback: (() => void) | undefined
    keepTickShape((call) => {
      callback = call
      process.nextTick(call)
    })
    assert.equal((tickObject as { callback?: unknown } | null)?.callback, callback)
    // And leaves nothing behind that each tick would pay for.
    const kept = tickObject
    process.nextTick(() => {
      assert.equal(tickObject, kept)
      done()
    })
  })
})
