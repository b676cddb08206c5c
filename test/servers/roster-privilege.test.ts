import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type Element, xml } from '@xmpp/client'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { type RosterItem, XmppUser } from '../support/xmpp-user.js'

const COMPONENT = 'presence.localhost'
const TOKEN = 'roster-token'
const PRESENCE_ITEM = item(COMPONENT, 'Presence')

describe('A gateway that writes rosters by privilege on Prosody', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  const users: XmppUser[] = []

  before(async () => {
    server = await startProsody({
      mode: 'privileged',
      rosterPrivilege: 'both',
      users: ['alice', 'bob', 'carol', 'dave', 'erin', 'john', 'aaron', 'marie', 'nora', 'otto'],
    })
    gateway = await startGateway({
      server,
      // What managed_entity sends beside it counts for nobody then.
      config: { roster: { tokens: [TOKEN] }, xmpp: { sources: ['roster'], staleAfter: '15m' } },
    })
    await linked()
  })

  afterEach(async () => {
    for (const user of users.splice(0)) await user.logout().catch(() => {})
  })

  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  const linked = () => until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok)

  async function login(local: string, resource = 'laptop'): Promise<XmppUser> {
    const user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost`, resource })
    users.push(user)
    return user
  }

  async function call(method: string, path: string, body?: unknown): Promise<void> {
    const response = await fetch(`${gateway.url}/roster/localhost${path}`, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    assert(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`)
  }

  const setContact = (user: string, contact: string, name: string | null, ...groups: string[]) =>
    call('PUT', `/${user}/contacts/${contact}@localhost`, {
      name,
      groups: Object.fromEntries(groups.map((group) => [group, true])),
    })

  const befriend = (...between: [string, string]) => call('POST', '/friendships', { between })

  /** Until her roster on the server is that, and nothing else is in it. */
  async function untilRoster(user: XmppUser, ...items: RosterItem[]): Promise<void> {
    await until(async () => {
      assert.deepEqual(sorted(await user.roster()), sorted(items))
      return true
    })
  }

  async function counted(): Promise<{ taken: number; changes: number }> {
    const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    const value = (name: string) => Number(new RegExp(`^presence_gateway_${name} (\\d+)$`, 'm').exec(metrics)?.[1])
    return { taken: value('presences_taken_total'), changes: value('changes_total') }
  }

  const untilStatus = (local: string, expected: Partial<JsonStatus>, timeoutMs?: number) =>
    untilJson(gateway, `${local}@localhost`, expected, timeoutMs)

  it('gives a user who logs in her contacts and groups, and the component among them', async () => {
    await setContact('alice', 'bob', 'Bob <b>&amp;', 'Friends', 'Straße')
    await setContact('alice', 'carol', null)
    const alice = await login('alice')
    await untilRoster(
      alice,
      PRESENCE_ITEM,
      item('bob@localhost', 'Bob <b>&amp;', 'Friends', 'Straße'),
      item('carol@localhost', undefined),
    )
  })

  it('shows a friendship, a new name, new groups and its end in the clients of both sides', async () => {
    const john = await login('john')
    const aaron = await login('aaron')
    for (const user of [john, aaron]) await user.roster()
    await befriend('john', 'aaron')
    assert.deepEqual(await pushed(john, 'aaron@localhost'), item('aaron@localhost', undefined))
    assert.deepEqual(await pushed(aaron, 'john@localhost'), item('john@localhost', undefined))
    await setContact('john', 'aaron', 'Aaron', 'Work')
    assert.deepEqual(await pushed(john, 'aaron@localhost'), item('aaron@localhost', 'Aaron', 'Work'))
    await setContact('john', 'aaron', 'Aaron')
    assert.deepEqual(await pushed(john, 'aaron@localhost'), item('aaron@localhost', 'Aaron'))
    await call('DELETE', '/friendships?between=john&between=aaron')
    for (const [user, friend] of [
      [john, 'aaron@localhost'],
      [aaron, 'john@localhost'],
    ] as const) {
      assert.equal((await pushed(user, friend)).subscription, 'remove')
      await untilRoster(user, PRESENCE_ITEM)
    }
  })

  it('leaves alone whom she has by herself', async () => {
    const carol = await login('carol')
    const own = xml('item', { jid: 'mother@localhost', name: 'Mum' }, xml('group', {}, 'Family'))
    await carol.iq('set', xml('query', { xmlns: 'jabber:iq:roster' }, own))
    const mother = { ...item('mother@localhost', 'Mum', 'Family'), subscription: 'none' }
    await setContact('carol', 'bob', 'Bob')
    await untilRoster(carol, PRESENCE_ITEM, mother, item('bob@localhost', 'Bob'))
    await call('DELETE', '/carol/contacts/bob@localhost')
    await untilRoster(carol, PRESENCE_ITEM, mother)
  })

  it('sees her presence, changes and socket death, with nobody accepting anything', async () => {
    const dave = await login('dave')
    await dave.setPresence({ show: 'away', status: 'before' })
    assert.equal((await gateway.status('dave@localhost')).status, 404)
    // She is there already: a probe finds it out.
    await setContact('dave', 'bob', 'Bob')
    await untilStatus('dave', { show: 'away', text: 'before', freshness: 'live' })
    await dave.setPresence({ show: 'dnd', status: 'busy' })
    await untilStatus('dave', { show: 'dnd', text: 'busy', freshness: 'live' })
    const phone = await login('dave', 'phone')
    await phone.setPresence({ show: 'chat', priority: 5 })
    await untilStatus('dave', { show: 'chat', freshness: 'live' })
    phone.dieSilently()
    await untilStatus('dave', { show: 'dnd', freshness: 'live' })
    dave.dieSilently()
    await untilStatus('dave', { show: 'offline', freshness: 'live' })
  })

  it('takes what managed_entity and her roster bring, which is everything twice, for one change', async () => {
    const dave = await login('dave')
    await dave.setPresence()
    await untilStatus('dave', { show: 'online', freshness: 'live' })
    const before = await counted()
    for (const show of ['away', 'xa', 'dnd'] as const) {
      await dave.setPresence({ show, idleSince: new Date(Date.now() - 60_000) })
      await untilStatus('dave', { show })
    }
    await until(async () => (await counted()).taken === before.taken + 6)
    assert.equal((await counted()).changes, before.changes + 3)
  })

  it('knows by probes, after it was killed, who is there and who no longer is', async () => {
    await setContact('erin', 'bob', 'Bob')
    await setContact('otto', 'bob', 'Bob')
    const erin = await login('erin')
    const otto = await login('otto')
    await erin.setPresence({ show: 'xa', status: 'still here' })
    await otto.setPresence()
    await untilStatus('erin', { show: 'xa', freshness: 'live' })
    await untilStatus('otto', { show: 'online', freshness: 'live' })
    await gateway.kill9()
    await otto.logout()
    await gateway.start()
    await untilStatus('erin', { show: 'xa', text: 'still here', freshness: 'live' })
    await untilStatus('otto', { show: 'offline', freshness: 'live' })
  })

  it('writes after a kill what it had acknowledged before, and takes back what it had written', async () => {
    const nora = await login('nora')
    await setContact('nora', 'bob', 'Bob')
    await untilRoster(nora, PRESENCE_ITEM, item('bob@localhost', 'Bob'))
    const calls = [call('DELETE', '/nora/contacts/bob@localhost'), setContact('nora', 'carol', 'Carol', 'Friends')]
    await Promise.all(calls)
    await gateway.kill9()
    await gateway.start()
    await untilRoster(nora, PRESENCE_ITEM, item('carol@localhost', 'Carol', 'Friends'))
  })

  it('follows what changed while the server was away', async () => {
    await server.shutDown()
    await setContact('marie', 'bob', 'Bob')
    await server.start()
    await linked()
    await untilRoster(await login('marie'), PRESENCE_ITEM, item('bob@localhost', 'Bob'))
  })

  it('is not held up by users whom the server does not know, nor by contacts that it does not take', async () => {
    for (let n = 0; n < 40; n++) await setContact(`nobody${n}`, 'bob', 'Bob')
    await setContact('bob', 'bob', 'myself').catch(() => {})
    await setContact('bob', 'carol', 'Carol')
    const bob = await login('bob')
    await untilRoster(bob, PRESENCE_ITEM, item('carol@localhost', 'Carol'))
    await server.register('nobody7')
    await setContact('nobody7', 'bob', 'Bob again')
    await untilRoster(await login('nobody7'), PRESENCE_ITEM, item('bob@localhost', 'Bob again'))
  })

  it('sees her no longer once she takes the component out, and does not put it back by itself', async () => {
    const aaron = await login('aaron')
    await aaron.setPresence()
    await untilStatus('aaron', { show: 'online', freshness: 'live' })
    const away = xml('item', { jid: COMPONENT, subscription: 'remove' })
    await aaron.iq('set', xml('query', { xmlns: 'jabber:iq:roster' }, away))
    await gateway.untilStatus('aaron@localhost', ({ status }) => status === 404)
    await aaron.setPresence({ show: 'away' })
    await setContact('aaron', 'carol', 'Carol')
    await untilRoster(aaron, item('carol@localhost', 'Carol'))
    // Looking at it gives it to nobody.
    await call('GET', '/aaron')
    await aaron.setPresence({ show: 'dnd' })
    assert.equal((await gateway.status('aaron@localhost')).status, 404)
  })

  it('writes everything anew when its refresh is asked for: a server may lose rosters', async () => {
    const john = await login('john')
    await setContact('john', 'bob', 'Bob')
    await untilRoster(john, PRESENCE_ITEM, item('bob@localhost', 'Bob'))
    const gone = xml('item', { jid: 'bob@localhost', subscription: 'remove' })
    await john.iq('set', xml('query', { xmlns: 'jabber:iq:roster' }, gone))
    await untilRoster(john, PRESENCE_ITEM)
    const response = await fetch(`${gateway.url}/roster_admin/refresh/john`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    })
    assert.deepEqual(await response.json(), { status: 'ok', message: 'roster update complete' })
    await untilRoster(john, PRESENCE_ITEM, item('bob@localhost', 'Bob'))
  })

  it('is online to her, with a name and a photo', async () => {
    const marie = await login('marie')
    await marie.setPresence()
    const presence = await marie.nextStanza(
      ({ name, attrs }) => name === 'presence' && attrs.type === undefined && attrs.from === COMPONENT,
    )
    const card = (await marie.iq('get', xml('vCard', { xmlns: 'vcard-temp' }), COMPONENT)).getChild('vCard')
    assert.equal(card?.getChildText('FN'), 'Presence')
    assert.equal(card?.getChildText('URL'), 'http://localhost:8080')
    const photo = card?.getChild('PHOTO')
    assert.equal(photo?.getChildText('TYPE'), 'image/png')
    const bytes = Buffer.from(photo?.getChildText('BINVAL') ?? '', 'base64')
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG')
    assert.equal(
      presence.getChild('x', 'vcard-temp:x:update')?.getChildText('photo'),
      createHash('sha1').update(bytes).digest('hex'),
    )
  })
})

describe('A gateway that may write rosters by privilege on ejabberd, which fails at it', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess

  before(async () => {
    server = await startEjabberd({ mode: 'subscription', rosters: 'both', users: ['alice'] })
    gateway = await startGateway({ server, config: { roster: { tokens: [TOKEN] } } })
  })

  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  it('says so once a link, tries no more, and does everything else', async () => {
    const said = () => gateway.logLines.filter(({ msg }) => /announces that rosters may be written/.test(String(msg)))
    const [line] = await until(() => said().length > 0 && said())
    assert.equal(line?.why, 'internal-server-error')
    for (const name of ['Bob', 'Robert']) {
      const response = await fetch(`${gateway.url}/roster/localhost/alice/contacts/bob@localhost`, {
        method: 'PUT',
        headers: { Authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify({ name }),
      })
      assert(response.ok)
    }
    const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
    await alice.setPresence({ show: 'dnd' })
    await untilJson(gateway, 'alice@localhost', { show: 'dnd' })
    await alice.logout()
    assert.equal(said().length, 1)
    assert.equal(server.log.split('Failed to process iq').length - 1, 1)
  })
})

function item(jid: string, name: string | undefined, ...groups: string[]): RosterItem {
  return { jid, name, groups, subscription: 'both', ask: undefined }
}

function sorted(items: readonly RosterItem[]): RosterItem[] {
  return items
    .map((one) => ({ ...one, groups: one.groups.toSorted() }))
    .toSorted((a, b) => (a.jid < b.jid ? -1 : a.jid > b.jid ? 1 : 0))
}

/** The next push about that contact. */
async function pushed(user: XmppUser, contact: string): Promise<RosterItem> {
  const itemOf = (stanza: Element) => stanza.getChild('query', 'jabber:iq:roster')?.getChild('item')
  const stanza = await user.nextStanza(
    (one) => one.name === 'iq' && one.attrs.type === 'set' && itemOf(one)?.attrs.jid === contact,
  )
  const said = itemOf(stanza)
  return {
    jid: contact,
    name: said?.attrs.name,
    subscription: said?.attrs.subscription,
    ask: said?.attrs.ask,
    groups: said?.getChildren('group').map((group) => group.text()) ?? [],
  }
}
