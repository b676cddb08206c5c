import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { AppId } from '../../src/apps/app.js'
import { Cursors } from '../../src/delivery/cursors.js'
import { positionOf } from '../../src/delivery/position.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const OTHER = 'app_bbbbbbbbbbbbbbbbbbbbbbbb' as AppId

describe('Cursors', () => {
  const secret = randomBytes(32)
  const cursors = new Cursors(secret, '0123456789abcdef').of(APP)
  const position = fc.tuple(fc.nat(2 ** 31 - 1), fc.nat(1999)).map(([batch, place]) => positionOf(batch, place))

  it('name a place, in one spelling', () => {
    fc.assert(
      fc.property(position, (at) => {
        const cursor = cursors.write(at)
        assert.match(cursor, /^[\w-]{22}$/)
        assert.equal(cursors.read(cursor), at)
      }),
    )
  })

  it('are the same written to several apps at once', () => {
    const all = new Cursors(secret, '0123456789abcdef')
    fc.assert(
      fc.property(fc.array(position), fc.array(position), (ours, theirs) => {
        const apps = [ours, theirs].map((places, i) => ({
          cursors: all.of(i === 0 ? APP : OTHER),
          pending: places.map((position) => ({ position, cursor: '' })),
        }))
        all.name(apps)
        for (const { cursors, pending } of apps) {
          for (const { position, cursor } of pending) assert.equal(cursor, cursors.write(position))
        }
      }),
    )
  })

  it('mean nothing to another app, in another epoch, in another database', () => {
    const strangers = [
      new Cursors(secret, '0123456789abcdef').of(OTHER),
      new Cursors(secret, '0123456789abcdee').of(APP),
      new Cursors(randomBytes(32), '0123456789abcdef').of(APP),
    ]
    fc.assert(
      fc.property(position, (at) => {
        for (const stranger of strangers) assert.equal(stranger.read(cursors.write(at)), null)
      }),
    )
  })

  it('are never made up, nor changed into another', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 100 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      fc.tuple(position, fc.nat(127)).map(([at, bit]) => {
        const bytes = Buffer.from(cursors.write(at), 'base64url')
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        return bytes.toString('base64url')
      }),
      position.map((at) => `${cursors.write(at)}=`),
      position.map((at) => ` ${cursors.write(at)}`),
    )
    fc.assert(
      fc.property(text, (cursor) => assert.equal(cursors.read(cursor), null)),
      { numRuns: 1000 },
    )
  })
})
