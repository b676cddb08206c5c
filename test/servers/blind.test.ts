import assert from 'node:assert/strict'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

describe('A gateway privileged on ejabberd without its API', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess

  before(async () => {
    server = await startEjabberd({ mode: 'privileged', users: ['alice', 'bob'] })
    gateway = await startGateway({ server, config: { xmpp: { ejabberdApi: '', verifyEvery: '1s', staleAfter: '4s' } } })
    await untilPrivileged()
  })

  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  /** Whoever comes before the server has announced the privilege is not seen, and not told of later. */
  async function untilPrivileged(): Promise<void> {
    await until(() => gateway.logLines.some(({ msg }) => String(msg).includes('cannot be known')))
  }

  const login = (local: string) => XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost` })
  const untilStatus = (local: string, expected: Partial<JsonStatus>, timeoutMs?: number) =>
    untilJson(gateway, `${local}@localhost`, expected, timeoutMs)

  it('finds a dead session by a ping, and spares one that lives', async () => {
    const alice = await login('alice')
    const bob = await login('bob')
    await alice.setPresence({ show: 'away' })
    await bob.setPresence({ show: 'chat' })
    await untilStatus('alice', { show: 'away', freshness: 'live' })
    alice.dieSilently()
    await untilStatus('alice', { show: 'offline', freshness: 'live' })
    await untilStatus('bob', { show: 'chat', freshness: 'live' })
    await bob.logout()
  })

  it('is honest after its restart: stale until a user speaks, unknown if she does not', async () => {
    const alice = await login('alice')
    const bob = await login('bob')
    await alice.setPresence({ show: 'away' })
    await bob.setPresence({ show: 'dnd' })
    await untilStatus('alice', { show: 'away', freshness: 'live' })
    await untilStatus('bob', { show: 'dnd', freshness: 'live' })
    await gateway.shutDown()
    await bob.logout()
    await gateway.start()
    assert.ok(gateway.logLines.every(({ msg }) => msg !== 'unexpected error'))
    await untilStatus('alice', { show: 'away', freshness: 'stale' }, 500)
    await untilPrivileged()
    await alice.setPresence({ show: 'xa' })
    await untilStatus('alice', { show: 'xa', freshness: 'live' })
    // Bob's session ended while nobody looked; his last resource does not answer a ping.
    await untilStatus('bob', { show: 'offline', freshness: 'live' }, 8000)
    await alice.logout()
  })

  it('knows who logged in in capitals by her own name, and takes her answer to a ping', async () => {
    const alice = await login('ALICE')
    await alice.setPresence({ show: 'dnd', status: 'in capitals' })
    await untilStatus('alice', { text: 'in capitals', freshness: 'live' })
    await gateway.restart()
    await untilStatus('alice', { text: 'in capitals', freshness: 'live' }, 8000)
    await alice.logout()
    await untilStatus('alice', { show: 'offline' })
  })
})
