import assert from 'node:assert/strict'
import type { Element } from '@xmpp/component'
import { Domains } from '../../src/presence/domains.js'
import type { BareJid } from '../../src/presence/jid.js'
import { type Subscription, Subscriptions } from '../../src/presence/subscriptions.js'
import { ComponentCard } from '../../src/xmpp/component-card.js'
import type { Link } from '../../src/xmpp/link.js'
import { SubscriptionSource } from '../../src/xmpp/subscription-source.js'
import { FakeClock } from './fake-clock.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')
const GRANTED: Subscription = { consent: 'granted', by: 'subscription', watchesUs: false }
const ROSTERED: Subscription = { consent: 'granted', by: 'roster', watchesUs: true }

describe('SubscriptionSource', () => {
  let source: SubscriptionSource
  let subscribers: Subscriptions
  let saved: number
  const said: string[] = []
  const refused = new Set<BareJid>()

  async function setUp(sources: readonly string[], before?: Subscription) {
    said.length = 0
    saved = 0
    const link: Link = {
      address: 'presence.h',
      online: true,
      send: ({ attrs }: Element) => said.push(`${attrs.type ?? 'available'} to ${attrs.to}`),
      request: async () => ({ kind: 'link-down' }),
      drained: async () => {},
    }
    subscribers = await Subscriptions.load({
      subscriptions: async () => new Map(before ? [[ALICE, before]] : []),
      saveSubscription: async () => {
        saved++
      },
    })
    const handler = {
      granted: () => said.push('granted'),
      withdrawn: () => said.push('withdrawn'),
      unsaved: assert.fail,
    }
    const card = new ComponentCard('http://localhost')
    source = new SubscriptionSource(
      link,
      card,
      new FakeClock(),
      new Domains(['h']),
      subscribers,
      handler,
      new Set(sources),
      (user) => refused.has(user),
    )
  }
  afterEach(() => refused.clear())

  it('trusts who was served a roster with the component in it, and is there for her', async () => {
    await setUp(['roster'])
    source.rostered(ALICE)
    assert.equal(source.has(ALICE), true)
    assert.deepEqual([...source.grantedIn('h')], [ALICE])
    assert.deepEqual(said, [`available to ${ALICE}`, 'granted'])
  })

  it('does nothing when she is served it again', async () => {
    await setUp(['roster'], ROSTERED)
    for (let n = 0; n < 3; n++) source.rostered(ALICE)
    assert.deepEqual([said, saved], [[], 0])
  })

  it('trusts nobody for her roster where that source is not configured', async () => {
    await setUp(['subscription'], ROSTERED)
    source.rostered(jid('bob@h'))
    assert.deepEqual([source.has(ALICE), source.has(jid('bob@h')), [...source.grantedIn('h')]], [false, false, []])
    await source.announce()
    assert.deepEqual(said, [])
  })

  it('trusts nobody for what she granted herself where only rosters are configured, until her roster says so', async () => {
    await setUp(['roster'], GRANTED)
    assert.equal(source.has(ALICE), false)
    source.rostered(ALICE)
    assert.equal(source.has(ALICE), true)
  })

  it('keeps that she granted it herself', async () => {
    await setUp(['subscription', 'roster'], GRANTED)
    source.rostered(ALICE)
    assert.deepEqual(subscribers.of(ALICE), { ...GRANTED, watchesUs: true })
    assert.deepEqual(said, [`available to ${ALICE}`])
  })

  it('sees her no longer once she takes the component out, until she is served it again', async () => {
    await setUp(['roster'], ROSTERED)
    source.said(ALICE, 'unsubscribe')
    source.said(ALICE, 'unsubscribed')
    assert.equal(source.has(ALICE), false)
    assert.deepEqual(said, [`unsubscribed to ${ALICE}`, 'withdrawn'])
    source.rostered(ALICE)
    assert.equal(source.has(ALICE), true)
  })

  it('says to those who have it in their rosters that it is there, and goes', async () => {
    await setUp(['roster'], ROSTERED)
    await source.announce()
    await source.announce('unavailable')
    assert.deepEqual(said, [`available to ${ALICE}`, `unavailable to ${ALICE}`])
  })

  it('asks her who is only on a roster that does not count to be seen', async () => {
    await setUp(['subscription'], ROSTERED)
    assert.equal(await source.ask(ALICE), 'asked')
    source.said(ALICE, 'subscribed')
    assert.deepEqual(said, [`subscribe to ${ALICE}`, 'granted'])
    assert.equal(source.has(ALICE), true)
  })

  it('keeps nothing of whom it is to refuse, and lets her server know where she would be seen', async () => {
    await setUp(['subscription', 'roster'])
    refused.add(ALICE)
    source.rostered(ALICE)
    for (const request of ['subscribed', 'subscribe', 'unsubscribe', 'unsubscribed'] as const)
      source.said(ALICE, request)
    assert.deepEqual(said, [`unsubscribe to ${ALICE}`, `unsubscribed to ${ALICE}`])
    assert.equal(source.has(ALICE), false)
    assert.deepEqual([...subscribers.all()], [])
    assert.equal(saved, 0)
  })

  const partings: [string, Subscription, string[]][] = [
    ['let us see her', GRANTED, ['unsubscribe']],
    ['let us see her and sees us', { ...GRANTED, watchesUs: true }, ['unsubscribe', 'unsubscribed']],
    ['was asked', { ...GRANTED, consent: 'asked' }, ['unsubscribe']],
    ['refused', { ...GRANTED, consent: 'refused' }, []],
    ['is seen by her roster, which is not ours', ROSTERED, []],
  ]
  for (const [what, before, expected] of partings) {
    it(`forgets who ${what}`, async () => {
      await setUp(['subscription', 'roster'], before)
      source.forget(ALICE)
      assert.deepEqual(
        said,
        expected.map((type) => `${type} to ${ALICE}`),
      )
      assert.equal(source.has(ALICE), false)
      await subscribers.saveUnsaved()
      assert.equal(saved, 0)
    })
  }
})
