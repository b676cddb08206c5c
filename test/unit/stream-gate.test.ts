import assert from 'node:assert/strict'
import type { App, AppId } from '../../src/apps/app.js'
import { StreamGate } from '../../src/delivery/stream-gate.js'
import { anApp } from './an-app.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const UIDS = new Set(['UIDa'])

describe('StreamGate', () => {
  let app: App | null
  let refused: string[]
  let gate: StreamGate
  beforeEach(() => {
    app = anApp({ appid: APP, active: true })
    refused = []
    gate = new StreamGate({
      apps: { withKey: async (_, key) => (key === 'right' ? app : null), find: async () => app },
      tickets: { read: async (_, ticket) => (ticket === 'right' ? UIDS : null) },
      limits: { perAddress: 2, all: 4 },
      refused: (why) => refused.push(why),
    })
  })

  const enter = (address: string, origin?: string, hasTicket = false) => gate.enter({ address, origin, hasTicket })
  const why = (answer: object) => ('refused' in answer ? answer.refused : 'in')

  it('lets a page in with a ticket alone', () => {
    assert.equal(why(enter('192.0.2.1', 'https://app.example')), 'origin')
    assert.equal(why(enter('192.0.2.1', 'null')), 'origin')
    assert.equal(why(enter('192.0.2.1', 'https://app.example', true)), 'in')
  })

  it('counts connections by address, of IPv6 by /64, until they leave', () => {
    const first = enter('2001:db8::1')
    assert.equal(why(enter('2001:db8::ffff:1')), 'in')
    assert.equal(why(enter('2001:db8:0:0:5::')), 'too-many')
    assert.equal(why(enter('2001:db8:0:1::1')), 'in')
    assert.ok('leave' in first)
    first.leave()
    first.leave()
    assert.equal(why(enter('2001:db8::2')), 'in')
    assert.equal(why(enter('2001:db8::3')), 'too-many')
  })

  it('bounds the streams of all, and says of each refusal why', () => {
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3']) assert.equal(why(enter(address)), 'in')
    assert.equal(why(enter('192.0.2.4')), 'full')
    assert.equal(why(enter('192.0.2.1')), 'too-many')
    assert.deepEqual(refused, ['full', 'too-many'])
  })

  for (const [name, shown, active, expected] of [
    ['its key', { key: 'right' }, true, { uids: null }],
    ['another key', { key: 'wrong' }, true, { refused: 'bad-key' }],
    ['its key while it is not active', { key: 'right' }, false, { refused: 'stopped' }],
    ['a ticket', { ticket: 'right' }, true, { uids: UIDS }],
    ['a ticket that is none', { ticket: 'wrong' }, true, { refused: 'bad-ticket' }],
    ['a ticket while it is not active', { ticket: 'right' }, false, { refused: 'stopped' }],
  ] as const) {
    it(`of an app that shows ${name} says ${'refused' in expected ? expected.refused : 'in'}`, async () => {
      app = anApp({ appid: APP, active })
      assert.deepEqual(await gate.admit(APP, shown), expected)
    })
  }

  it('knows a ticket of an app that is gone no more', async () => {
    app = null
    assert.deepEqual(await gate.admit(APP, { ticket: 'right' }), { refused: 'stopped' })
  })
})
