import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const TOKEN = 'roster-token'

describe('A gateway that serves rosters with itself in them', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  const users: XmppUser[] = []

  before(async () => {
    server = await startProsody({ mode: 'subscription', users: ['alice', 'bob'] })
    // As the server has them once it has fetched them.
    const rosters = join(server.directory, 'data', 'localhost', 'roster')
    await mkdir(rosters, { recursive: true })
    const roster = 'return { ["presence.localhost"] = { ["subscription"] = "both"; ["groups"] = {}; }; };\n'
    for (const user of ['alice', 'bob']) await writeFile(join(rosters, `${user}.dat`), roster)
    gateway = await startGateway({ server, config: { roster: { tokens: [TOKEN] } } })
    await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok)
  })

  afterEach(async () => {
    for (const user of users.splice(0)) await user.logout().catch(() => {})
  })

  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  async function login(local: string): Promise<XmppUser> {
    const user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost` })
    users.push(user)
    return user
  }

  /** As the server does while she logs in. */
  async function fetched(local: string): Promise<void> {
    const credentials = Buffer.from(`gateway:${TOKEN}`).toString('base64')
    const response = await fetch(`${gateway.url}/roster/localhost/${local}`, {
      headers: { Authorization: `Basic ${credentials}` },
    })
    assert.ok(JSON.parse(await response.text())['presence.localhost'])
  }

  const untilStatus = (local: string, expected: Partial<JsonStatus>) =>
    untilJson(gateway, `${local}@localhost`, expected)

  it('takes in the presence of whoever was given hers, from then on', async () => {
    const alice = await login('alice')
    await alice.setPresence({ show: 'away', status: 'early' })
    // She is told of the component in answer to the probe that her presence causes: by then that was dropped.
    await alice.nextStanza(({ name, attrs }) => name === 'presence' && attrs.from === 'presence.localhost')
    assert.equal((await gateway.status('alice@localhost')).status, 404)
    await fetched('alice')
    await untilStatus('alice', { show: 'away', text: 'early', freshness: 'live' })
    await alice.setPresence({ show: 'dnd' })
    await untilStatus('alice', { show: 'dnd', freshness: 'live' })
    alice.dieSilently()
    await untilStatus('alice', { show: 'offline', freshness: 'live' })
  })

  it('sees who logs in with it', async () => {
    await fetched('bob')
    const bob = await login('bob')
    await bob.setPresence({ show: 'xa' })
    await untilStatus('bob', { show: 'xa', freshness: 'live' })
  })

  it('knows by probes, after a restart, who is there', async () => {
    const bob = await login('bob')
    await bob.setPresence({ show: 'chat' })
    await untilStatus('bob', { show: 'chat', freshness: 'live' })
    await gateway.restart()
    await untilStatus('bob', { show: 'chat', freshness: 'live' })
    await untilStatus('alice', { show: 'offline', freshness: 'live' })
  })

  it('trusts no roster where that source is taken out', async () => {
    await gateway.stop()
    gateway = await startGateway({
      server,
      config: { roster: { tokens: [TOKEN] }, xmpp: { sources: ['subscription'] } },
    })
    await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok)
    await fetched('bob')
    const bob = await login('bob')
    await bob.setPresence()
    await bob.nextStanza(({ name, attrs }) => name === 'presence' && attrs.from === 'presence.localhost')
    assert.equal((await gateway.status('bob@localhost')).status, 404)
  })
})
