import assert from 'node:assert/strict'
import type { Element } from '@xmpp/client'
import { ComponentLink } from '../support/component-link.js'
import { GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const TOKEN = 'roster-token'
const COMPONENT = 'presence.localhost'
// What a URL has a meaning for, or no place.
const ODD = ['alice;x', 'alice#x', 'alice?x', '%61lice', '100%']

describe('Rosters that Prosody’s mod_http_roster_admin fetches', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  let users: XmppUser[] = []

  before(async () => {
    const [port] = await freePorts(1)
    const rosters = { address: `127.0.0.1:${port}`, token: TOKEN }
    const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', ...ODD]
    server = await startProsody({ mode: 'roster-module', rosters, users: names })
    const refreshUrl = `http://localhost:${server.httpPort}/roster_admin/refresh`
    gateway = await startGateway({
      server,
      config: {
        http: { port },
        domains: { localhost: { publish: 'details', roster: { refreshUrl } } },
        roster: { tokens: [TOKEN] },
      },
    })
  })
  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })
  afterEach(() => {
    for (const user of users) user.dieSilently()
    users = []
  })

  const enter = async (local: string) => {
    const user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost` })
    users.push(user)
    const roster = await user.roster()
    await user.setPresence()
    return { user, roster }
  }
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${gateway.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    assert.ok(response.ok, `${method} ${path}: ${response.status}`)
    return response.json()
  }
  const put = (local: string, contact: string, body: object) =>
    call('PUT', `/roster/localhost/${local}/contacts/${contact}`, body)
  const nextItem = async (user: XmppUser, jid: string): Promise<Record<string, unknown>> => {
    const itemOf = (stanza: Element) => stanza.getChild('query', 'jabber:iq:roster')?.getChild('item')
    const push = await user.nextStanza((stanza) => stanza.attrs.type === 'set' && itemOf(stanza)?.attrs.jid === jid)
    const item = itemOf(push) as Element
    const { subscription, name } = item.attrs
    return { subscription, name, groups: item.getChildren('group').map((group) => group.text()) }
  }

  it('are each user’s own, whatever she is called', async () => {
    await put('alice', 'bob@localhost', {})
    for (const local of ODD) {
      await put(encodeURIComponent(local), 'carol@localhost', { name: local })
      const { roster } = await enter(local)
      assert.equal(roster.find(({ jid }) => jid === 'carol@localhost')?.name, local)
      assert(!roster.some(({ jid }) => jid === 'bob@localhost'))
    }
  })

  it('are there when a user logs in, with the gateway in them', async () => {
    await call('PUT', '/roster/localhost/alice', {
      'bob@localhost': { name: 'Bob', groups: { Friends: true, Work: true } },
      'carol@localhost': {},
    })
    const { roster } = await enter('alice')
    const items = roster.map(({ jid, name, groups, subscription }) => [jid, name, groups.sort(), subscription])
    assert.deepEqual(items.sort(), [
      ['bob@localhost', 'Bob', ['Friends', 'Work'], 'both'],
      ['carol@localhost', undefined, [], 'both'],
      [COMPONENT, 'Presence', [], 'both'],
    ])
  })

  it('change in both clients when two become friends, who then see each other', async () => {
    const { user: carol } = await enter('carol')
    const { user: dave } = await enter('dave')
    await call('POST', '/roster/localhost/friendships', { between: ['carol', 'dave'] })
    assert.deepEqual(await nextItem(carol, dave.jid), { subscription: 'both', name: undefined, groups: [] })
    assert.deepEqual(await nextItem(dave, carol.jid), { subscription: 'both', name: undefined, groups: [] })
    await dave.setPresence({ show: 'away' })
    await carol.nextStanza(({ name, attrs }) => name === 'presence' && attrs.from === dave.fullJid)
    await call('DELETE', '/roster/localhost/friendships?between=carol&between=dave')
    assert.equal((await nextItem(carol, dave.jid)).subscription, 'remove')
  })

  it('change in a client when a contact gets another name and other groups', async () => {
    await put('erin', 'bob@localhost', { name: 'Bob', groups: { Work: true } })
    const { user: erin } = await enter('erin')
    await put('erin', 'bob@localhost', { name: 'Robert', groups: { Friends: true } })
    assert.equal((await nextItem(erin, 'bob@localhost')).subscription, 'remove')
    const expected = { subscription: 'both', name: 'Robert', groups: ['Friends'] }
    assert.deepEqual(await nextItem(erin, 'bob@localhost'), expected)
  })

  it('are refreshed when somebody asks for it', async () => {
    const { user: erin } = await enter('erin')
    const answer = await call('POST', '/roster_admin/refresh', ['erin', 'nobody'])
    assert.deepEqual(answer, { status: 'ok', message: 'roster update complete', updated: 2, errors: 0 })
    await erin.logout()
  })

  it('follow once Prosody is back', async () => {
    await server.shutDown()
    await put('frank', 'bob@localhost', { name: 'Bob' })
    await until(() => gateway.logLines.some(({ why }) => String(why).includes('refuses the connection')))
    await server.start()
    const { user: frank, roster } = await enter('frank')
    assert.equal(roster.find(({ jid }) => jid === 'bob@localhost')?.name, 'Bob')
    await until(() => gateway.logLines.some(({ msg }) => msg === 'Prosody fetches rosters again'), 10_000)
    await put('frank', 'carol@localhost', { name: 'Carol' })
    assert.equal((await nextItem(frank, 'carol@localhost')).name, 'Carol')
  })

  it('are new at the login of somebody for whom the gateway has asked while she was away', async () => {
    const { user: dave } = await enter('dave')
    await untilJson(gateway, dave.jid, { show: 'online', freshness: 'live' })
    await dave.logout()
    await untilJson(gateway, dave.jid, { show: 'offline', freshness: 'live' })
    await gateway.restart()
    // It has probed her: Prosody knows her roster as it is when she is away.
    await untilJson(gateway, dave.jid, { show: 'offline', freshness: 'live' })
    await put('dave', 'erin@localhost', { name: 'Erin' })
    const { user: again } = await enter('dave')
    await until(async () => {
      const jids = (await again.roster()).map(({ jid }) => jid)
      assert.deepEqual(jids.sort(), ['erin@localhost', COMPONENT])
      return true
    })
    await untilJson(gateway, dave.jid, { show: 'online', freshness: 'live' })
  })

  it('follow what changed just before the gateway was killed', async () => {
    const { user: frank } = await enter('frank')
    await put('frank', 'dave@localhost', { name: 'Dave' })
    await gateway.kill9()
    await gateway.start()
    assert.equal((await nextItem(frank, 'dave@localhost')).name, 'Dave')
  })

  it('come to whoever has logged in while the gateway was away', async () => {
    await gateway.shutDown()
    const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
    users.push(alice)
    await alice.send("<iq type='get' id='unanswered'><query xmlns='jabber:iq:roster'/></iq>")
    await alice.setPresence()
    await gateway.start()
    assert.equal((await nextItem(alice, 'bob@localhost')).name, 'Bob')
    assert.equal((await nextItem(alice, COMPONENT)).name, 'Presence')
  })

  describe('and check', () => {
    const lineOf = async (gateway: GatewayProcess) => {
      const { output } = await gateway.run('check')
      return output.split('\n').find((line) => line.includes('refresh localhost'))
    }
    const atRest = async (refreshUrl: string, refreshHost = '') => {
      const domains = { localhost: { roster: { refreshUrl, refreshHost } } }
      const other = await GatewayProcess.prepare({ server, config: { domains } })
      const line = await lineOf(other)
      await other.stop()
      return line
    }
    const WELL = 'ok   refresh localhost: Prosody can be told of changed rosters'

    it('says that they are refreshed, whether the gateway runs or not', async () => {
      assert.equal(await lineOf(gateway), WELL)
      assert.equal(await atRest(`http://127.0.0.1:${server.httpPort}/roster_admin/refresh/`, 'localhost'), WELL)
    })

    it('says what to mend where they are not', async () => {
      const address = `http://127.0.0.1:${server.httpPort}`
      assert.match(
        (await atRest(`${address}/roster_admin/refresh`)) ?? '',
        /^FAIL .* answers 404: .* Host header, which was 127\.0\.0\.1:\d+\. Set refreshHost/,
      )
      const [closed] = await freePorts(1)
      assert.match((await atRest(`http://localhost:${closed}/`)) ?? '', /^FAIL .* it refuses the connection/)
    })
  })

  it('bring the presence of everybody who has one, with nobody accepting anything', async () => {
    const { user: alice } = await enter('alice')
    await untilJson(gateway, alice.jid, { show: 'online', freshness: 'live' })
    await alice.setPresence({ show: 'dnd', status: 'busy' })
    await untilJson(gateway, alice.jid, { show: 'dnd', text: 'busy', freshness: 'live' })
    await gateway.restart()
    await untilJson(gateway, alice.jid, { show: 'dnd', text: 'busy', freshness: 'live' })
    alice.dieSilently()
    await untilJson(gateway, alice.jid, { show: 'offline', freshness: 'live' })
  })

  it('bring the presence of a client, too, that does not wait for its roster', async () => {
    for (const show of ['xa', 'dnd'] as const) {
      const bob = await XmppUser.login({ port: server.c2sPort, jid: 'bob@localhost' })
      users.push(bob)
      const presence = `<presence><show>${show}</show></presence>`
      await bob.send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>${presence}`)
      await untilJson(gateway, bob.jid, { show, freshness: 'live' })
      bob.dieSilently()
      await untilJson(gateway, bob.jid, { show: 'offline', freshness: 'live' })
    }
  })
})

/** Without prosody/'s file: Prosody keeps the roster of a user who was probed while she was offline. */
describe('Rosters that Prosody keeps beyond a logout', function () {
  this.timeout(60_000)

  it('are refreshed at the next login', async () => {
    const [port] = await freePorts(1)
    const server = await startProsody({
      mode: 'none',
      users: ['alice'],
      httpModules: ['http', 'http_roster_admin', 'privilege'],
      extraConfig: `
        modules_disabled = { "s2s", "roster" }
        storage = { roster = "memory" }
        http_roster_url = "http://gateway:${TOKEN}@127.0.0.1:${port}/roster/localhost/%s"
        privileged_entities = { ["${COMPONENT}"] = { presence = "managed_entity" } }
        Component "${COMPONENT}"
          component_secret = "component-secret"
          modules_enabled = { "privilege" }
        Component "stranger.localhost"
          component_secret = "component-secret"`,
    })
    const roster = { refreshUrl: `http://localhost:${server.httpPort}/roster_admin/refresh` }
    const gateway = await startGateway({
      server,
      config: { http: { port }, domains: { localhost: { publish: 'details', roster } }, roster: { tokens: [TOKEN] } },
    })
    const call = (method: string, path: string, body: unknown) =>
      fetch(`${gateway.url}${path}`, {
        method,
        headers: { Authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify(body),
      })
    const put = async (contacts: object) => {
      await call('PUT', '/roster/localhost/alice', contacts)
      // Answered once Prosody has heard of the change, and has not cared.
      await call('POST', '/roster_admin/refresh', ['alice'])
    }
    const login = async () => {
      const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
      const roster = await alice.roster()
      await alice.setPresence()
      return { alice, names: new Map(roster.map(({ jid, name }) => [jid, name])) }
    }
    try {
      await put({ 'bob@localhost': { name: 'Bob' }, 'carol@localhost': { name: 'Carol' } })
      const { componentPort: port, secret } = server
      const stranger = await until(() => ComponentLink.open({ port, domain: 'stranger.localhost', secret }))
      stranger.send("<presence type='probe' from='stranger.localhost' to='alice@localhost'/>")
      await until(() => gateway.logLines.some(({ msg }) => msg === 'server identified'))
      const first = await login()
      assert.equal(first.names.get('bob@localhost'), 'Bob')
      await untilJson(gateway, first.alice.jid, { show: 'online' })
      await first.alice.logout()
      await untilJson(gateway, first.alice.jid, { show: 'offline' })
      await put({ 'bob@localhost': { name: 'Robert' }, 'dave@localhost': { name: 'Dave' } })
      const { alice, names } = await login()
      assert.equal(names.get('bob@localhost'), 'Bob')
      await until(async () => {
        const names = new Map((await alice.roster()).map(({ jid, name }) => [jid, name]))
        assert.deepEqual([...names].sort(), [
          ['bob@localhost', 'Robert'],
          ['dave@localhost', 'Dave'],
          [COMPONENT, 'Presence'],
        ])
        return true
      })
      alice.dieSilently()
      stranger.close()
    } finally {
      await gateway.stop()
      await server.stop()
    }
  })
})
