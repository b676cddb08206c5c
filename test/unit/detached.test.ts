import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { detached } from '../../src/presence/detached.js'

const PIECES = 200
const READ_BYTES = 500_000

describe('detached()', () => {
  it('is the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(detached(text), text)
      }),
    )
  })

  it('lets go of what it was cut out of', () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    collect()
    const before = process.memoryUsage().heapUsed
    const kept: string[] = []
    for (let n = 0; n < PIECES; n++) {
      const read = Buffer.alloc(READ_BYTES, `presence ${n} `).toString()
      // Whole, and long enough for V8 to refer to it.
      kept.push(detached(read.slice(1000, 1100)))
    }
    collect()
    const grown = process.memoryUsage().heapUsed - before
    assert(grown < READ_BYTES * 10, `${PIECES} pieces of 100 characters keep ${grown} bytes`)
    assert.equal(kept.length, PIECES)
  })
})
