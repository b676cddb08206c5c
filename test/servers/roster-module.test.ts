import assert from 'node:assert/strict'
import type { Element } from '@xmpp/client'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const TOKEN = 'roster-token'
const COMPONENT = 'presence.localhost'

describe('Rosters that Prosody’s mod_http_roster_admin fetches', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  let users: XmppUser[] = []

  before(async () => {
    const [port] = await freePorts(1)
    const rosters = { address: `127.0.0.1:${port}`, token: TOKEN }
    const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank']
    server = await startProsody({ mode: 'roster-module', rosters, users: names, httpModules: ['http'] })
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

  it('follow what changed just before the gateway was killed', async () => {
    const { user: frank } = await enter('frank')
    await put('frank', 'dave@localhost', { name: 'Dave' })
    await gateway.kill9()
    await gateway.start()
    assert.equal((await nextItem(frank, 'dave@localhost')).name, 'Dave')
  })

  it.skip('bring the presence of everybody who has one, with nobody accepting anything', async () => {
    const { user: alice } = await enter('alice')
    await untilJson(gateway, alice.jid, { show: 'online', freshness: 'live' })
    await alice.setPresence({ show: 'dnd', status: 'busy' })
    await untilJson(gateway, alice.jid, { show: 'dnd', text: 'busy', freshness: 'live' })
    alice.dieSilently()
    await untilJson(gateway, alice.jid, { show: 'offline', freshness: 'live' })
  })
})
