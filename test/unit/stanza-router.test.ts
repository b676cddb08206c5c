import assert from 'node:assert/strict'
import type { Element } from '@xmpp/component'
import { Domains } from '../../src/presence/domains.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { Subscriptions } from '../../src/presence/subscriptions.js'
import { ComponentCard } from '../../src/xmpp/component-card.js'
import type { Link } from '../../src/xmpp/link.js'
import { PrivilegedSource } from '../../src/xmpp/privileged-source.js'
import { Reconciler } from '../../src/xmpp/reconciler.js'
import { ServiceDiscovery } from '../../src/xmpp/service-discovery.js'
import { StanzaRouter } from '../../src/xmpp/stanza-router.js'
import { SubscriptionSource } from '../../src/xmpp/subscription-source.js'
import { FakeClock } from './fake-clock.js'
import { readStanza } from './read-xml.js'
import { jid } from './users.js'

const ALICE = jid('alice@example.org')

describe('StanzaRouter, where subscription is not configured', () => {
  let board: PresenceBoard
  let subscribers: Subscriptions
  let router: StanzaRouter
  let dropped: string[]
  let privileged: PrivilegedSource
  let announced: string[]
  const sent: Element[] = []

  beforeEach(async () => {
    const clock = new FakeClock()
    const domains = new Domains(['example.org'])
    const link: Link = {
      address: 'presence.example.org',
      online: true,
      send: (stanza) => void sent.push(stanza),
      request: async () => ({ kind: 'link-down' }),
      drained: async () => {},
    }
    sent.length = 0
    dropped = []
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 60_000 })
    board.expect(ALICE)
    subscribers = await Subscriptions.load({
      subscriptions: async () => new Map([[ALICE, { consent: 'granted', by: 'subscription', watchesUs: false }]]),
      saveSubscription: async () => {},
    })
    const handler = { granted() {}, withdrawn: board.forget.bind(board), unsaved() {} }
    const card = new ComponentCard('http://localhost')
    const subscriptions = new SubscriptionSource(
      link,
      card,
      clock,
      domains,
      subscribers,
      handler,
      new Set(['privileged']),
    )
    privileged = new PrivilegedSource(domains, true)
    const observer = { identified() {}, unanswered() {}, blind() {}, missed() {}, snapshot() {}, snapshotFailed() {} }
    const sources = { privileged, subscriptions, api: null }
    const reconciler = new Reconciler(link, board, clock, { domains, verifyEveryMs: 60_000 }, sources, observer)
    const discovery = new ServiceDiscovery(link, card, '0', () => 0)
    announced = []
    const rosters = { announced: (domain: string) => void announced.push(domain), down() {} }
    router = new StanzaRouter(
      { board, privileged, rosters, subscriptions, reconciler, discovery, heard: () => false },
      { domains, sources: new Set(['privileged']), textLimit: 1024 },
      clock,
      { taken() {}, dropped: (reason) => dropped.push(reason) },
    )
  })

  const says = (type: string) => router.stanza(readStanza(`<presence from='${ALICE}' type='${type}'/>`))

  it('takes in no presence of who granted it once', () => {
    router.stanza(readStanza(`<presence from='${ALICE}/phone'/>`))
    assert.deepEqual(dropped, ['ungranted'])
  })

  it('asks and grants nothing', () => {
    says('subscribe')
    says('subscribed')
    assert.deepEqual([dropped, sent], [['ungranted', 'ungranted'], []])
  })

  it('still hears who takes her consent back', () => {
    says('unsubscribed')
    assert.equal(subscribers.hasRefused(ALICE), true)
    assert.equal(board.get(ALICE, 'example.org'), null)
  })

  it('hands on what may be done with rosters, whether or not presence is privileged', () => {
    const perm = "<perm access='roster' type='both'/>"
    router.stanza(
      readStanza(`<message from='example.org'><privilege xmlns='urn:xmpp:privilege:2'>${perm}</privilege></message>`),
    )
    assert.deepEqual(
      [announced, privileged.writesRosters('example.org'), privileged.has('example.org')],
      [['example.org'], true, false],
    )
    router.down()
    assert.equal(privileged.writesRosters('example.org'), false)
  })
})
