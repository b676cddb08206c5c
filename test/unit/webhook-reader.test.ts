import assert from 'node:assert/strict'
import { AheadBudget } from '../../src/delivery/ahead.js'
import type { FeedListener } from '../../src/delivery/audience.js'
import type { Feed } from '../../src/delivery/feed.js'
import type { Told } from '../../src/delivery/update.js'
import { WebhookReader } from '../../src/delivery/webhook-reader.js'

describe('A webhook reader', () => {
  const at = (position: number): Told => ({ position, update: { uid: `UID${position}`, status: 'away' }, cursor: '' })
  let listener: FeedListener
  let reader: WebhookReader

  beforeEach(() => {
    const feed = {
      // It has given out less than the log has by now.
      position: 5,
      listen: (given: FeedListener) => {
        listener = given
        return () => {}
      },
      after: async () => ({ told: [at(5), at(8)], position: 10 }),
      isAtEnd: (position: number) => position >= 5,
    }
    reader = new WebhookReader({
      feed: feed as unknown as Feed,
      lastChange: () => null,
      log: { grantsAfter: async () => [] },
      budget: new AheadBudget(),
      told: () => {},
    })
  })

  it('tells once what it has read before it is told of it, and never goes back', async () => {
    const first = await reader.next({ position: 0, round: null })
    assert.deepEqual(first.pairs, ['["UID5","away"]', '["UID8","away"]'])
    assert.equal(first.leadsTo.position, 10)
    listener.told([at(8)])
    listener.told([at(12)])
    const second = await reader.next(first.leadsTo)
    assert.deepEqual(second.pairs, ['["UID12","away"]'])
  })

  it('has read on before it is asked to', async () => {
    await reader.readOn({ position: 0, round: null })
    listener.told([at(12)])
    assert.equal((await reader.next({ position: 0, round: null })).pairs.length, 3)
  })
})
