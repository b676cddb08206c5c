import assert from 'node:assert/strict'
import { Domains } from '../../src/presence/domains.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { AccountReconciler } from '../../src/xmpp/account-reconciler.js'
import { AccountRoster } from '../../src/xmpp/account-roster.js'
import type { IqAnswer } from '../../src/xmpp/link.js'
import { FakeClock } from './fake-clock.js'
import { FakeLink } from './fake-link.js'
import { readStanza } from './read-xml.js'
import { jid, presence } from './users.js'

const VERIFY_EVERY_MS = 900_000
const ACCOUNT = 'robot@example.org'
const ALICE = jid('alice@example.org')
const BOB = jid('bob@example.org')
const RITA = jid('rita@example.net')

describe('AccountReconciler', () => {
  let clock: FakeClock
  let board: PresenceBoard
  let link: FakeLink
  let roster: AccountRoster
  let reconciler: AccountReconciler
  let told: string[]

  beforeEach(() => {
    clock = new FakeClock()
    board = new PresenceBoard(clock, { resources: 32, staleAfterMs: VERIFY_EVERY_MS })
    link = new FakeLink(ACCOUNT)
    told = []
    roster = new AccountRoster(link, ACCOUNT, new Domains(['example.org']), {
      granted: (user) => reconciler.granted(user),
      withdrawn: (user) => reconciler.withdrawn(user),
    })
    const options = { domain: 'example.org', verifyEveryMs: VERIFY_EVERY_MS }
    reconciler = new AccountReconciler(link, board, roster, clock, options, {
      identified: (server, contacts) => told.push(`${server} ${contacts}`),
      rosterMissing: (why) => told.push(why),
    })
  })

  afterEach(() => {
    reconciler.down()
    // Whoever pauses ends when the pause does.
    clock.pass(1000)
    assert.equal(clock.timers, 0)
  })

  const show = (user = ALICE) => {
    const seen = board.get(user, user.slice(user.indexOf('@') + 1))
    return seen ? `${seen.show} ${seen.freshness}` : 'nobody'
  }

  async function answer(answer: IqAnswer): Promise<void> {
    link.asked.shift()?.answer(answer)
    await clock.passing(0)
  }

  const result = (xml: string): IqAnswer => ({ kind: 'result', payload: readStanza(xml) })

  const rosterOf = (...users: string[]) => {
    const items = users.map((user) => `<item jid='${user}' subscription='to'/>`).join('')
    return result(`<query xmlns='jabber:iq:roster'>${items}</query>`)
  }

  /** The roster, and what server it is. */
  async function begin(name: string, ...users: string[]): Promise<void> {
    reconciler.up()
    await answer(rosterOf(...users))
    await answer(
      result(
        `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' name='${name}'/></query>`,
      ),
    )
  }

  const push = (item: string) =>
    roster.pushed(readStanza(`<iq type='set' id='p'><query xmlns='jabber:iq:roster'>${item}</query></iq>`))

  it('says that it is there once it knows who may be seen', async () => {
    reconciler.up()
    await clock.passing(5000)
    assert.deepEqual(link.said(), [])
    await answer(rosterOf(ALICE))
    await answer({ kind: 'timeout' })
    assert.deepEqual(link.said(), ['presence'])
    assert.deepEqual(told, ['other 1'])
  })

  it('takes silence for absence on Prosody once the server answers what was asked after the first presence', async () => {
    await begin('Prosody', ALICE, BOB, RITA)
    assert.deepEqual([show(ALICE), show(RITA)], ['unknown unknown', 'unknown unknown'])
    board.put(ALICE, 'phone', presence({ show: 'away' }))
    await answer({ kind: 'result', payload: undefined })
    assert.deepEqual([show(ALICE), show(BOB), show(RITA)], ['away live', 'offline live', 'unknown unknown'])
    await clock.passing(9999)
    assert.equal(show(RITA), 'unknown unknown')
    await clock.passing(1)
    assert.equal(show(RITA), 'offline live')
  })

  it('takes it for absence elsewhere after ten seconds', async () => {
    await begin('ejabberd', ALICE, BOB)
    assert.deepEqual(link.asked, [])
    await clock.passing(9999)
    board.put(ALICE, 'phone', presence({ show: 'away' }))
    assert.equal(show(BOB), 'unknown unknown')
    await clock.passing(1)
    assert.deepEqual([show(ALICE), show(BOB)], ['away live', 'offline live'])
  })

  it('proves nothing of a link that was lost', async () => {
    await begin('Prosody', ALICE)
    const fence = link.asked.shift()
    reconciler.down()
    fence?.answer({ kind: 'result', payload: undefined })
    await clock.passing(20_000)
    assert.equal(show(), 'unknown unknown')
  })

  it('asks whoever may have gone in silence again, each verifyEvery', async () => {
    await begin('Prosody', ALICE, RITA)
    board.put(RITA, 'phone', presence({ show: 'away' }))
    link.said()
    await clock.passing(VERIFY_EVERY_MS)
    assert.deepEqual(link.said(), [`probe ${RITA}`])
    await clock.passing(10_000)
    assert.equal(show(RITA), 'offline live')
  })

  it('asks for the roster again when it does not come', async () => {
    reconciler.up()
    await answer({ kind: 'timeout' })
    await answer({ kind: 'timeout' })
    assert.deepEqual(told, ['the server does not answer'])
    assert.deepEqual(link.said(), [])
    await clock.passing(10_000)
    assert.equal(link.asked.length, 2)
  })

  it('forgets whom the roster no longer lets it see, and nobody else', async () => {
    for (const user of [ALICE, BOB, RITA]) board.put(user, 'phone', presence({ show: 'away' }))
    await begin('ejabberd', BOB)
    assert.deepEqual([show(ALICE), show(BOB), show(RITA)], ['nobody', 'unknown unknown', 'nobody'])
  })

  it('finds out about who accepts while it is up', async () => {
    await begin('ejabberd')
    await clock.passing(20_000)
    link.said()
    push(`<item jid='${ALICE}' subscription='none' ask='subscribe'/>`)
    assert.equal(show(), 'nobody')
    push(`<item jid='${ALICE}' subscription='to'/>`)
    await clock.passing(10_000)
    assert.deepEqual(link.said(), ['result', `probe ${ALICE}`, 'result'])
    assert.equal(show(), 'offline live')
    push(`<item jid='${ALICE}' subscription='none'/>`)
    assert.equal(show(), 'nobody')
  })

  it('does not say that it asked whom it cannot ask while the link is down', async () => {
    const loading = roster.load()
    link.asked
      .splice(0)[0]
      ?.answer(result(`<query xmlns="jabber:iq:roster"><item jid="${ALICE}" subscription="none"/></query>`))
    await loading
    link.online = false
    await assert.rejects(roster.ask(ALICE), /link to the XMPP server is not up/)
    assert.deepEqual(link.said(), [])
    link.online = true
    assert.equal(await roster.ask(ALICE), 'asked')
    assert.deepEqual(link.said(), [`subscribe ${ALICE}`])
  })
})
