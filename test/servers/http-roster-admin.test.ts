import assert from 'node:assert/strict'
import { type Element, xml } from '@xmpp/client'
import { ComponentLink } from '../support/component-link.js'
import { startProsody } from '../support/prosody.js'
import { RosterWebApp } from '../support/roster-web-app.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const DONE = 'roster update complete'

/** What our stand-in for Prosody's module does, so that what is built on it meets what the real one does. */
describe('mod_http_roster_admin', () => {
  let app: RosterWebApp
  let server: XmppServer
  let users: XmppUser[]

  before(async () => {
    app = await RosterWebApp.start()
    const rosters = { address: app.address, token: 'roster-token' }
    server = await startProsody({ mode: 'roster-module', rosters, users: ['alice', 'bob'] })
  })
  after(async () => {
    await server?.stop()
    await app?.stop()
  })

  beforeEach(() => {
    users = []
    app.rosters.clear()
    app.requests.length = 0
    app.failure = null
  })
  afterEach(async () => {
    for (const user of users) user.dieSilently()
  })

  const login = async (local: string) => {
    const user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost` })
    users.push(user)
    return user
  }
  const enter = async (local: string) => {
    const user = await login(local)
    const roster = await user.roster()
    await user.setPresence()
    return { user, roster }
  }
  const url = (path: string, host = 'localhost') => `http://${host}:${server.httpPort}/roster_admin/refresh${path}`
  const post = (usernames: readonly string[], timeoutMs = 5000) =>
    fetch(url(''), { method: 'POST', body: JSON.stringify(usernames), signal: AbortSignal.timeout(timeoutMs) })
  const nextItem = async (user: XmppUser): Promise<Record<string, unknown>> => {
    const push = await user.nextStanza(({ name, attrs }) => name === 'iq' && attrs.type === 'set')
    const item = push.getChild('query', 'jabber:iq:roster')?.getChild('item') as Element
    return { ...item.attrs, groups: item.getChildren('group').map((group) => group.text()) }
  }

  it('fetches a roster when a client asks for its own', async () => {
    app.rosters.set('alice', {
      'bob@localhost': { name: 'Bob', groups: { Friends: true, Work: true } },
      'presence.localhost': {},
    })
    const { roster } = await enter('alice')
    const byJid = new Map(roster.map((item) => [item.jid, { ...item, groups: item.groups.sort() }]))
    const both = { subscription: 'both', ask: undefined }
    assert.deepEqual(byJid.get('bob@localhost'), {
      jid: 'bob@localhost',
      name: 'Bob',
      ...both,
      groups: ['Friends', 'Work'],
    })
    assert.deepEqual(byJid.get('presence.localhost'), {
      jid: 'presence.localhost',
      name: undefined,
      ...both,
      groups: [],
    })
    assert.equal(byJid.size, 2)
    const [request] = app.requests
    assert.equal(app.requests.length, 1)
    assert.equal(request?.path, '/roster/localhost/alice')
    assert.equal(request?.headers.accept, 'application/json, text/plain, */*')
    assert.equal(request?.headers.authorization, `Basic ${btoa('gateway:roster-token')}`)
  })

  it('closes the session whose roster it cannot get', async () => {
    app.failure = 404
    const alice = await login('alice')
    await assert.rejects(alice.roster(), /internal-server-error/)
    await assert.rejects(alice.roster())
  })

  it('pushes who came and who went, and nobody who merely changed', async () => {
    app.rosters.set('alice', { 'bob@localhost': { name: 'Bob' }, 'carol@localhost': {} })
    const { user: alice } = await enter('alice')
    app.rosters.set('alice', { 'bob@localhost': { name: 'Robert' }, 'dave@localhost': { groups: { Team: true } } })
    const answer = await post(['alice'])
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), `{"status":"ok","message":"${DONE}","updated":1,"errors":0}`)
    assert.deepEqual(await nextItem(alice), { jid: 'dave@localhost', subscription: 'both', groups: ['Team'] })
    assert.deepEqual(await nextItem(alice), { jid: 'carol@localhost', subscription: 'remove', groups: [] })
    assert.equal((await alice.roster()).find(({ jid }) => jid === 'bob@localhost')?.name, 'Bob')
  })

  it('counts those as updated who are not there, and asks for nothing', async () => {
    const answer = await post(['bob', 'nobody'])
    assert.equal(await answer.text(), `{"status":"ok","message":"${DONE}","updated":2,"errors":0}`)
    const single = await fetch(url('/bob'))
    assert.equal(single.headers.get('content-type'), 'application/json')
    assert.equal(await single.text(), `{"status":"ok","message":"${DONE}"}`)
    assert.equal(app.requests.length, 0)
  })

  it('counts those as errors whose roster it cannot get, and keeps what it has', async () => {
    app.rosters.set('alice', { 'bob@localhost': {} })
    const { user: alice } = await enter('alice')
    app.failure = 500
    assert.equal(
      await (await post(['alice', 'bob'])).text(),
      `{"status":"ok","message":"${DONE}","updated":1,"errors":1}`,
    )
    assert.equal(await (await fetch(url('/alice'))).text(), `{"status":"error","message":"${DONE}"}`)
    assert.equal((await alice.roster()).length, 1)
  })

  it('never answers about nobody, nor about a session without presence that gets a contact', async () => {
    await assert.rejects(post([], 300), { name: 'TimeoutError' })
    const alice = await login('alice')
    await alice.roster()
    app.rosters.set('alice', { 'bob@localhost': {} })
    await assert.rejects(post(['bob', 'alice'], 300), { name: 'TimeoutError' })
    assert.equal((await nextItem(alice)).jid, 'bob@localhost')
    assert.equal((await post(['alice'])).status, 200)
  })

  it('is found under the name of its host only', async () => {
    assert.equal((await fetch(url('/bob', '127.0.0.1'))).status, 404)
  })

  it('lets the component in a roster see its user come, change, die, and go', async () => {
    app.rosters.set('alice', { 'presence.localhost': {} })
    const { componentPort: port, componentDomain: domain, secret } = server
    const link = await ComponentLink.open({ port, domain, secret })
    let seen = 0
    const next = async (pattern: RegExp) => {
      await until(() => pattern.test(link.received.slice(seen)), 3000, `${pattern} in ${link.received.slice(seen)}`)
      seen = link.received.length
    }
    const { user: alice } = await enter('alice')
    await next(/<presence [^>]*type='probe'/)
    await alice.setPresence({ show: 'dnd' })
    await next(/<presence [^>]*from='alice@localhost\/test'[^>]*>.*<show>dnd<\/show>/)
    alice.dieSilently()
    await next(/<presence [^>]*type='unavailable'/)
    link.close()
  })

  it('serves friends each other’s presence', async () => {
    app.rosters.set('alice', { 'bob@localhost': {} })
    app.rosters.set('bob', { 'alice@localhost': {} })
    const { user: alice } = await enter('alice')
    const { user: bob } = await enter('bob')
    await bob.setPresence({ show: 'away' })
    await alice.nextStanza((stanza) => stanza.attrs.from === bob.fullJid && stanza.getChildText('show') === 'away')
  })

  const probeWhileOffline = async () => {
    const { componentPort: port, componentDomain: domain, secret } = server
    const link = await ComponentLink.open({ port, domain, secret })
    link.send(`<presence type='probe' from='${domain}' to='bob@localhost'/>`)
    link.send(`<iq type='get' id='fence' from='${domain}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await until(() => link.received.includes("id='fence'"))
    link.close()
  }
  const unsubscribe = async (bob: XmppUser) => {
    await bob.send(xml('presence', { type: 'unsubscribe', to: 'alice@localhost' }))
    await until(async () => (await bob.roster())[0]?.subscription === 'from')
  }
  for (const [what, beforehand, meanwhile] of [
    ['was probed while she was offline', probeWhileOffline, async () => {}],
    ['has sent a subscription', async () => {}, unsubscribe],
  ] as const) {
    it(`fetches anew at each login with prosody/'s file, also of a user who ${what}`, async () => {
      app.rosters.set('bob', { 'alice@localhost': {} })
      await beforehand()
      const { user: bob } = await enter('bob')
      await meanwhile(bob)
      await bob.logout()
      app.rosters.set('bob', { 'carol@localhost': {} })
      const { roster } = await enter('bob')
      assert.deepEqual(
        roster.map(({ jid }) => jid),
        ['carol@localhost'],
      )
    })
  }

  it('does not tell the contacts of a client that sends presence before it has its roster: a probe finds it', async () => {
    app.rosters.set('alice', { 'presence.localhost': {} })
    const { componentPort: port, componentDomain: domain, secret } = server
    const link = await ComponentLink.open({ port, domain, secret })
    const alice = await login('alice')
    await alice.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
    await alice.nextStanza(({ attrs }) => attrs.id === 'roster')
    assert.doesNotMatch(link.received, /<presence/)
    link.send(`<presence type='probe' from='${domain}' to='alice@localhost'/>`)
    await until(() => /<presence [^>]*from='alice@localhost\/test'/.test(link.received))
    link.close()
  })
})
