import assert from 'node:assert/strict'
import type { AppId } from '../../src/apps/app.js'
import { WebhookWriter } from '../../src/delivery/webhook-writer.js'
import { aWebhookState } from '../contract/webhook-samples.js'
import { FakeClock } from './fake-clock.js'

describe('WebhookWriter', () => {
  const clock = new FakeClock()
  const change = () => ({ appid: 'app_a' as AppId, state: aWebhookState() })
  let isFull: boolean
  let writer: WebhookWriter
  beforeEach(() => {
    isFull = true
    const save = async () => {
      if (isFull) throw new Error('the disk is full')
    }
    writer = new WebhookWriter({ save }, (ms, run) => clock.after(ms, run))
  })
  afterEach(() => assert.equal(clock.timers, 0))

  it('tries again until it can store', async () => {
    const saved = writer.save(change)
    await clock.passing(5000)
    isFull = false
    await clock.passing(1000)
    assert.equal(await saved, true)
  })

  it('keeps nobody waiting who comes when it was stopped while the disk was full', async () => {
    const saved = writer.save(change)
    await clock.passing(0)
    await writer.stop()
    assert.equal(await saved, false)
    assert.equal(await writer.save(change), false)
  })
})
