import assert from 'node:assert/strict'
import { Domains } from '../../src/presence/domains.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { type Subscription, Subscriptions } from '../../src/presence/subscriptions.js'
import { ComponentCard } from '../../src/xmpp/component-card.js'
import type { EjabberdApi, Session } from '../../src/xmpp/ejabberd-api.js'
import type { IqAnswer } from '../../src/xmpp/link.js'
import { PrivilegedSource } from '../../src/xmpp/privileged-source.js'
import { Reconciler } from '../../src/xmpp/reconciler.js'
import { SubscriptionSource } from '../../src/xmpp/subscription-source.js'
import { FakeClock } from './fake-clock.js'
import { FakeLink } from './fake-link.js'
import { readStanza } from './read-xml.js'
import { jid, presence } from './users.js'

const DOMAIN = 'example.org'
const ALICE = jid('alice@example.org')
const BOB = jid('bob@example.org')
const VERIFY_EVERY_MS = 900_000
const LINK_DOWN: IqAnswer = { kind: 'link-down' }

class FakeApi implements EjabberdApi {
  readonly waiting: { give(sessions: Session[]): void; fail(error: Error): void }[] = []

  sessions(): Promise<Session[]> {
    return new Promise((give, fail) => this.waiting.push({ give, fail }))
  }
}

function session(user: string, resource: string): Session {
  return { from: { bare: jid(user), domain: DOMAIN, resource }, show: 'away', text: null, priority: 0 }
}

describe('Reconciler', () => {
  let clock: FakeClock
  let board: PresenceBoard
  let link: FakeLink
  let api: FakeApi
  let privileged: PrivilegedSource
  let reconciler: Reconciler
  let told: string[]

  async function setUp(granted: readonly string[] = [], withApi = false) {
    clock = new FakeClock()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: VERIFY_EVERY_MS })
    link = new FakeLink('presence.example.org')
    api = new FakeApi()
    told = []
    const domains = new Domains([DOMAIN])
    privileged = new PrivilegedSource(domains, true)
    const subscription: Subscription = { consent: 'granted', by: 'subscription', watchesUs: false }
    const subscribers = await Subscriptions.load({
      subscriptions: async () => new Map(granted.map((user) => [jid(user), subscription])),
      saveSubscription: async () => {},
    })
    const handler = { granted() {}, withdrawn() {}, unsaved() {} }
    const card = new ComponentCard('http://localhost')
    const subscriptions = new SubscriptionSource(
      link,
      card,
      clock,
      domains,
      subscribers,
      handler,
      new Set(['subscription']),
    )
    reconciler = new Reconciler(
      link,
      board,
      clock,
      { domains, verifyEveryMs: VERIFY_EVERY_MS },
      { privileged, subscriptions, api: withApi ? api : null },
      {
        identified: (_, server) => told.push(server),
        unanswered: (_, why) => told.push(`unanswered: ${why}`),
        blind: () => told.push('blind'),
        missed: () => told.push('missed'),
        snapshot: (_, sessions) => told.push(`snapshot: ${sessions}`),
        snapshotFailed: (why) => told.push(`snapshot failed: ${why}`),
      },
    )
  }

  const show = (user = ALICE) => {
    const { show, freshness } = board.get(user, DOMAIN) ?? { show: 'nobody', freshness: '' }
    return `${show} ${freshness}`.trim()
  }

  /** Answers the oldest question, as such a server does. */
  async function answer(name: 'Prosody' | 'ejabberd' | 'Openfire' | IqAnswer) {
    const query = `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im' name='${name}'/></query>`
    const payload = typeof name === 'string' ? readStanza(query) : undefined
    link.asked.shift()?.answer(typeof name === 'string' ? { kind: 'result', payload } : name)
    await clock.passing(0)
    if (name === 'Openfire') await answerVersion(name)
  }

  async function answerVersion(name: string) {
    const payload = readStanza(`<query xmlns='jabber:iq:version'><name>${name}</name></query>`)
    link.asked.shift()?.answer({ kind: 'result', payload })
    await clock.passing(0)
  }

  async function grant() {
    const perm = `<privilege xmlns='urn:xmpp:privilege:2'><perm access='presence' type='managed_entity'/></privilege>`
    const domain = privileged.announced(readStanza(`<message from='${DOMAIN}'>${perm}</message>`))
    assert(domain !== null)
    reconciler.privilegeAnnounced(domain)
    await clock.passing(0)
  }

  function say(user = ALICE, resource = 'phone') {
    reconciler.heard(user, resource)
    board.put(user, resource, presence())
  }

  async function connectedBefore() {
    reconciler.up()
    say(ALICE)
    say(BOB)
    link.asked.length = 0
    reconciler.down()
    privileged.reset()
    reconciler.up()
    await clock.passing(0)
  }

  it('knows a server that has a name of its own by its version', async () => {
    await setUp()
    await connectedBefore()
    await grant()
    const identity = `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' name='Our Chat'/></query>`
    link.asked.shift()?.answer({ kind: 'result', payload: readStanza(identity) })
    await clock.passing(0)
    await answerVersion('Prosody')
    assert.deepEqual(told, ['prosody'])
  })

  describe('on Prosody, privileged', () => {
    beforeEach(async () => {
      await setUp()
      await connectedBefore()
      await grant()
      await answer('Prosody')
    })

    it('takes whoever was not replayed before the fence for offline', async () => {
      say(ALICE)
      assert.equal(show(BOB), 'online stale')
      await answer('Prosody')
      assert.deepEqual([show(ALICE), show(BOB)], ['online live', 'offline live'])
      assert.deepEqual(link.probed(), [])
    })

    it('calls nobody live before the fence, whatever is heard: she may have resources yet to be replayed', async () => {
      say(ALICE, 'phone')
      assert.equal(show(ALICE), 'online stale')
      reconciler.heard(ALICE, 'phone')
      board.remove(ALICE, 'phone', null, null)
      assert.equal(show(ALICE), 'offline stale')
      board.put(ALICE, 'desk', presence({ show: 'dnd' }))
      await answer('Prosody')
      assert.equal(show(ALICE), 'dnd live')
    })

    it('asks again where the fence is not answered, and proves nothing till then', async () => {
      say(ALICE)
      await answer({ kind: 'timeout' })
      assert.equal(show(BOB), 'online stale')
      await answer('Prosody')
      assert.equal(show(BOB), 'offline live')
    })

    it('proves nothing by a question that was never sent', async () => {
      // Too many requests under way: the link answers link-down though it is up.
      await answer(LINK_DOWN)
      assert.equal(show(BOB), 'online stale')
    })

    it('proves nothing when the link went while it asked', async () => {
      reconciler.down()
      await answer(LINK_DOWN)
      assert.equal(show(BOB), 'online stale')
    })

    it('doubts nobody later: the server reports every end', async () => {
      await answer('Prosody')
      link.asked.length = 0
      await clock.passing(VERIFY_EVERY_MS * 3)
      assert.deepEqual([link.probed(), link.asked.length], [[], 0])
    })
  })

  describe('on ejabberd, privileged, with its API', () => {
    beforeEach(async () => {
      await setUp([], true)
      await connectedBefore()
      await grant()
      await answer('ejabberd')
      await clock.passing(0)
    })

    it('takes whoever is not in the snapshot for offline', async () => {
      api.waiting[0]?.give([session(ALICE, 'phone')])
      await clock.passing(0)
      assert.deepEqual([show(ALICE), show(BOB)], ['away live', 'offline live'])
      assert(told.includes('snapshot: 1'))
    })

    it('calls nobody live before the snapshot, whatever is heard: she may have resources that only it shows', async () => {
      reconciler.heard(ALICE, 'phone')
      board.remove(ALICE, 'phone', null, null)
      assert.equal(show(ALICE), 'offline stale')
      api.waiting[0]?.give([session(ALICE, 'desk')])
      await clock.passing(0)
      assert.equal(show(ALICE), 'away live')
    })

    it('takes her word while the API fails', async () => {
      say(ALICE)
      assert.equal(show(ALICE), 'online stale')
      api.waiting[0]?.fail(new Error('refused'))
      await clock.passing(0)
      assert.deepEqual([show(ALICE), show(BOB)], ['online live', 'online stale'])
    })

    it('believes what was said while the snapshot was taken more than the snapshot', async () => {
      say(BOB, 'new')
      reconciler.heard(ALICE, 'phone')
      board.remove(ALICE, 'phone', null, null)
      api.waiting[0]?.give([session(ALICE, 'phone'), session(BOB, 'phone')])
      await clock.passing(0)
      assert.equal(show(ALICE), 'offline live')
      assert.deepEqual(new Set(board.unheard(BOB, Number.POSITIVE_INFINITY)), new Set(['new', 'phone']))
    })

    it('believes her own words more than the language that the API chose', async () => {
      board.put(ALICE, 'phone', presence({ show: 'away', text: 'Mittag' }))
      const lunch = { ...session(ALICE, 'phone'), text: 'lunch' }
      api.waiting[0]?.give([lunch])
      await clock.passing(0)
      assert.equal(board.get(ALICE, DOMAIN)?.text, 'Mittag')
      await clock.passing(VERIFY_EVERY_MS)
      api.waiting[1]?.give([{ ...lunch, show: 'dnd' }])
      await clock.passing(0)
      assert.equal(board.get(ALICE, DOMAIN)?.text, 'lunch')
    })

    it('tries again when the API fails, and proves nothing till then', async () => {
      api.waiting[0]?.fail(new Error('refused'))
      await clock.passing(0)
      assert.equal(show(BOB), 'online stale')
      await clock.passing(5000)
      api.waiting[1]?.give([])
      await clock.passing(0)
      assert.equal(show(BOB), 'offline live')
    })

    it('throws away a snapshot of an earlier link', async () => {
      reconciler.down()
      reconciler.up()
      api.waiting[0]?.give([])
      await clock.passing(0)
      assert.equal(show(BOB), 'online stale')
    })

    it('takes another snapshot where one was wanted while it took one', async () => {
      reconciler.privilegeAnnounced(DOMAIN)
      api.waiting[0]?.give([session(ALICE, 'phone')])
      await clock.passing(0)
      assert.equal(api.waiting.length, 2)
    })

    it('shows nobody live when another link may have heard what was meant for ours, until a snapshot', async () => {
      api.waiting[0]?.give([session(ALICE, 'phone'), session(BOB, 'phone')])
      await clock.passing(0)
      for (let i = 0; i < 16; i++) reconciler.missed()
      say(BOB)
      assert.deepEqual([show(ALICE), show(BOB)], ['away stale', 'online stale'])
      assert.equal(told.filter((line) => line === 'missed').length, 1)
      await clock.passing(6000)
      assert.equal(api.waiting.length, 2)
      api.waiting[1]?.give([session(ALICE, 'phone')])
      await clock.passing(0)
      assert.deepEqual([show(ALICE), show(BOB)], ['away live', 'offline live'])
    })

    it('finds a session that died silently within verifyEvery', async () => {
      api.waiting[0]?.give([session(ALICE, 'phone'), session(BOB, 'phone')])
      await clock.passing(VERIFY_EVERY_MS)
      api.waiting[1]?.give([session(ALICE, 'phone')])
      await clock.passing(0)
      assert.deepEqual([show(ALICE), show(BOB)], ['away live', 'offline live'])
    })
  })

  it('is blind on ejabberd, privileged, without its API: users stay stale till they speak', async () => {
    await setUp()
    await connectedBefore()
    await grant()
    await answer('ejabberd')
    assert(told.includes('blind'))
    say(ALICE)
    assert.deepEqual([show(ALICE), show(BOB)], ['online live', 'online stale'])
  })

  it('takes a ping for proof there, and an answer of any other kind for life', async () => {
    await setUp()
    await connectedBefore()
    await grant()
    await answer('ejabberd')
    await clock.passing(VERIFY_EVERY_MS)
    const pinged = link.asked.splice(0)
    assert.deepEqual(
      pinged.map(({ to }) => to),
      [`${ALICE}/phone`, `${BOB}/phone`],
    )
    pinged[0]?.answer({ kind: 'error', condition: 'service-unavailable' })
    pinged[1]?.answer({ kind: 'error', condition: 'feature-not-implemented' })
    await clock.passing(0)
    assert.deepEqual([show(ALICE), show(BOB)], ['offline live', 'online live'])
  })

  it('pings everybody on ejabberd without its API when another link may have heard what was meant for ours', async () => {
    await setUp()
    await connectedBefore()
    await grant()
    await answer('ejabberd')
    say(ALICE)
    assert.equal(show(ALICE), 'online live')
    reconciler.missed()
    assert.equal(show(ALICE), 'online stale')
    await clock.passing(6000)
    link.asked.find(({ to }) => to === `${ALICE}/phone`)?.answer({ kind: 'result', payload: undefined })
    await clock.passing(0)
    assert.equal(show(ALICE), 'online live')
  })

  it('calls nobody live before it knows which server it is, and her word is enough once it does not say', async () => {
    await setUp()
    await connectedBefore()
    await grant()
    say(ALICE)
    assert.equal(show(ALICE), 'online stale')
    await answer({ kind: 'timeout' })
    assert.equal(show(ALICE), 'online live')
  })

  describe('with subscriptions', () => {
    it('on Prosody: probes, and a fence ends the answers', async () => {
      await setUp([ALICE, BOB])
      await connectedBefore()
      await answer('Prosody')
      assert.deepEqual(link.probed(), [ALICE, BOB])
      say(ALICE)
      await answer('Prosody')
      assert.deepEqual([show(ALICE), show(BOB)], ['online live', 'offline live'])
    })

    for (const server of ['ejabberd', 'Openfire'] as const) {
      it(`on ${server}: a probe unanswered for 10 s is proof, and not before`, async () => {
        await setUp([ALICE, BOB])
        await connectedBefore()
        await answer(server)
        assert.deepEqual(link.probed(), [ALICE, BOB])
        say(ALICE)
        await clock.passing(9999)
        assert.equal(show(BOB), 'online stale')
        await clock.passing(1)
        assert.deepEqual([show(ALICE), show(BOB)], ['online live', 'offline live'])
      })

      it(`on ${server}: probes again each verifyEvery, which finds who blocks us`, async () => {
        await setUp([ALICE])
        await connectedBefore()
        await answer(server)
        say(ALICE)
        await clock.passing(VERIFY_EVERY_MS)
        assert.deepEqual(link.probed(), [ALICE, ALICE])
        await clock.passing(10_000)
        assert.equal(show(ALICE), 'offline live')
      })
    }

    it('sends probes by and by', async () => {
      await setUp(Array.from({ length: 1000 }, (_, i) => `u${i}@example.org`))
      reconciler.up()
      await answer('ejabberd')
      assert.equal(link.probed().length, 100)
      await clock.passing(1000)
      assert.equal(new Set(link.probed()).size, 1000)
    })

    it('says nothing of a user whose probe was ended by the link', async () => {
      await setUp([BOB])
      await connectedBefore()
      await answer('ejabberd')
      reconciler.down()
      reconciler.up()
      await clock.passing(10_000)
      assert.equal(show(BOB), 'online stale')
    })
  })

  it('says that a host does not answer, asks again, and proves nothing', async () => {
    await setUp([BOB])
    await connectedBefore()
    await answer({ kind: 'error', condition: 'remote-server-not-found' })
    assert(told.includes('unanswered: remote-server-not-found'))
    await clock.passing(10_000)
    assert.equal(show(BOB), 'online stale')
    await answer('Prosody')
    assert(told.includes('prosody'))
  })

  it('shows nobody live whose domain has taken its privilege back', async () => {
    await setUp()
    await connectedBefore()
    await grant()
    await answer('Prosody')
    say(ALICE)
    await answer('Prosody')
    assert.equal(show(ALICE), 'online live')
    const none = `<privilege xmlns='urn:xmpp:privilege:2'><perm access='presence' type='none'/></privilege>`
    const domain = privileged.announced(readStanza(`<message from='${DOMAIN}'>${none}</message>`))
    reconciler.privilegeAnnounced(domain ?? '')
    await clock.passing(VERIFY_EVERY_MS * 2)
    // Nothing of her is heard any more: what is shown must grow old.
    assert.notEqual(show(ALICE), 'online live')
  })

  it('leaves no timer when the link is down', async () => {
    await setUp([ALICE])
    await connectedBefore()
    await answer('ejabberd')
    reconciler.down()
    await clock.passing(200)
    assert.equal(clock.timers, 0)
  })
})
