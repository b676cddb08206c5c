import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Audience } from '../../src/delivery/audience.js'
import type { Told } from '../../src/delivery/update.js'
import { lines } from '../../src/delivery/wire.js'
import type { Bytes } from '../../src/presence/bytes.js'

const UIDS = ['UIDa', 'UIDb', 'UIDc', 'UIDd']

describe('An audience', () => {
  /** One listener for each set of uids, and what each hears. */
  function listening(audience: Audience, sets: readonly (ReadonlySet<string> | null)[]) {
    return sets.map((uids) => {
      const heard: (readonly Told[])[] = []
      const leave = audience.add({ told: (told) => heard.push(told), lost: () => {} }, uids)
      return { uids, heard, leave }
    })
  }

  const toldOf = (uids: readonly string[]): Told[] =>
    uids.map((uid, position) => ({ update: { uid, status: 'away' }, position, cursor: '' }))

  it('hears each what it came for, in order, and nothing when that is nothing', () => {
    const someUids = fc.uniqueArray(fc.constantFrom(...UIDS)).map((uids) => new Set(uids))
    const sets = fc.array(fc.oneof(fc.constant(null), someUids), { maxLength: 6 })
    const batches = fc.array(fc.array(fc.constantFrom(...UIDS), { minLength: 1, maxLength: 8 }).map(toldOf))
    fc.assert(
      fc.property(sets, batches, (sets, batches) => {
        const audience = new Audience()
        const readers = listening(audience, sets)
        for (const told of batches) audience.tell(told)
        for (const { uids, heard } of readers) {
          const expected = batches.map((told) => told.filter(({ update }) => uids?.has(update.uid) ?? true))
          assert.deepEqual(
            heard,
            expected.filter((told) => told.length > 0),
          )
        }
      }),
    )
  })

  it('has what several hear written once for each wire', () => {
    const audience = new Audience()
    let writings = 0
    const chunks: Bytes[] = []
    const written = (told: readonly Told[]) =>
      chunks.push(
        audience.written(told, lines, () => {
          writings++
          return String(told.length)
        }),
      )
    for (const uids of [null, null, new Set(['UIDa']), new Set(['UIDa', 'UIDd']), new Set(['UIDb'])]) {
      audience.add({ told: written, lost: () => {} }, uids)
    }
    audience.tell(toldOf(['UIDa', 'UIDb', 'UIDa']))
    assert.deepEqual([chunks, writings], [['3', '3', '2', '2', '1'], 3])
    assert.equal(chunks[2], chunks[3])
  })

  it('lets whoever leaves hear no more, also while it is being told', () => {
    const audience = new Audience()
    const readers = listening(audience, [null, new Set(['UIDa']), new Set(['UIDa', 'UIDb'])])
    audience.add({ told: () => readers[2]?.leave(), lost: () => {} }, null)
    audience.tell(toldOf(['UIDa']))
    readers[0]?.leave()
    readers[1]?.leave()
    audience.tell(toldOf(['UIDa', 'UIDb']))
    assert.deepEqual(
      readers.map(({ heard }) => heard.length),
      [1, 1, 0],
    )
  })
})
