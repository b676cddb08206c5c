import assert from 'node:assert/strict'
import { xml } from '@xmpp/client'
import { startEjabberd } from '../support/ejabberd.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const OPTIONS: XmppServerOptions = { mode: 'privileged', users: ['alice', 'bob', 'carol'] }
const SERVERS: readonly [string, (options: XmppServerOptions) => Promise<XmppServer>][] = [
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
]
// Up to 5 s of back-off, and twice if the first attempt met the fault.
const BACK_MS = 15_000
// CONTRIBUTING.md tells of it: what takes a minute of silence runs in a long soak only.
const LONG = Number(process.env.SOAK_SECONDS ?? 0) >= 60

for (const [name, startServer] of SERVERS) {
  describe(`On a bad network, with ${name}, a gateway`, function () {
    this.timeout(60_000)
    let server: XmppServer
    let link: FaultProxy
    let clients: FaultProxy
    let gateway: GatewayProcess
    const users: XmppUser[] = []

    before(async () => {
      server = await startServer(OPTIONS)
      link = await FaultProxy.start(server.componentPort)
      clients = await FaultProxy.start(server.c2sPort)
      const xmpp = { service: `xmpp://127.0.0.1:${link.port}`, verifyEvery: '2s' }
      gateway = await startGateway({ server, config: { xmpp } })
    })

    afterEach(async () => {
      link.mode = clients.mode = { kind: 'pass' }
      for (const user of users.splice(0)) await user.logout().catch(() => {})
    })

    after(async () => {
      await gateway?.stop()
      await server?.stop()
      await link?.stop()
      await clients?.stop()
    })

    async function login(local: string, port = server.c2sPort): Promise<XmppUser> {
      const user = await XmppUser.login({ port, jid: `${local}@localhost`, resource: 'desk' })
      users.push(user)
      return user
    }

    const untilStatus = (local: string, expected: Partial<JsonStatus>, timeoutMs?: number) =>
      untilJson(gateway, `${local}@localhost`, expected, timeoutMs)

    it('tells the truth 300 ms later where the link is that slow', async () => {
      const alice = await login('alice')
      await alice.setPresence({ show: 'away', status: 'fast' })
      await untilStatus('alice', { text: 'fast', freshness: 'live' })
      link.mode = { kind: 'delay', ms: 300 }
      await alice.setPresence({ show: 'dnd', status: 'slow' })
      await untilStatus('alice', { show: 'dnd', text: 'slow', freshness: 'live' })
      // Connecting takes several of its round trips.
      await gateway.restart()
      await untilStatus('alice', { show: 'dnd', text: 'slow', freshness: 'live' }, BACK_MS)
      await alice.setPresence({ show: 'xa', status: 'slow again' })
      await untilStatus('alice', { show: 'xa', text: 'slow again', freshness: 'live' })
    })

    it('connects and reads texts whole where every byte comes alone', async () => {
      link.mode = { kind: 'trickle', bytes: 1 }
      await gateway.restart()
      const alice = await login('alice')
      for (const text of ['👩‍👩‍👧 <b>&amp;</b> ]]>', 'naïve 日本語', '🙂'.repeat(1024)]) {
        await alice.setPresence({ show: 'away', status: text })
        await untilStatus('alice', { show: 'away', text, freshness: 'live' })
      }
    })

    for (const how of ['reset', 'end'] as const) {
      it(`is stale within 1 s of a cut (${how}), and live again with what changed meanwhile and nothing else`, async () => {
        // Not to be taken for what the test before this left.
        const text = `before a cut by ${how}`
        const alice = await login('alice')
        const bob = await login('bob')
        const carol = await login('carol')
        await alice.setPresence({ show: 'away', status: text })
        await bob.setPresence({ show: 'chat' })
        await carol.setPresence({ show: 'chat' })
        const before = await untilStatus('alice', { text, freshness: 'live' })
        await untilStatus('bob', { show: 'chat', freshness: 'live' })
        await untilStatus('carol', { show: 'chat', freshness: 'live' })
        const changed = await metric('presence_gateway_changes_total')

        link.mode = { kind: 'refuse' }
        link.cut(how)
        await untilStatus('alice', { show: 'away', text, freshness: 'stale' }, 1000)
        await bob.logout()
        await carol.setPresence({ show: 'dnd', status: 'meanwhile' })
        await answered(carol)
        assert.equal(await metric('presence_gateway_changes_total'), changed)

        link.mode = { kind: 'pass' }
        const after = await untilStatus('alice', { text, freshness: 'live' }, BACK_MS)
        assert.equal(after.since, before.since)
        await untilStatus('bob', { show: 'offline', freshness: 'live' })
        await untilStatus('carol', { show: 'dnd', text: 'meanwhile', freshness: 'live' })
        assert.equal(await metric('presence_gateway_changes_total'), changed + 2)
      })
    }

    // The link is the same for both.
    if (name === 'Prosody' || LONG) {
      it('gives a server that accepts and says nothing 5 s, and tries again', async () => {
        const alice = await login('alice')
        await alice.setPresence({ show: 'away', status: 'here' })
        await untilStatus('alice', { text: 'here', freshness: 'live' })
        link.mode = { kind: 'blackhole' }
        const accepted = link.accepted
        link.cut()
        await until(() => link.accepted >= accepted + 2, BACK_MS, 'a second attempt')
        await untilStatus('alice', { show: 'away', text: 'here', freshness: 'stale' })
        link.mode = { kind: 'pass' }
        link.cut()
        await untilStatus('alice', { show: 'away', text: 'here', freshness: 'live' }, BACK_MS)
      })
    }

    it('says of a user whose own connection breaks what the server knows', async () => {
      const alice = await login('alice', clients.port)
      await alice.setPresence({ show: 'chat', status: 'on the train' })
      await untilStatus('alice', { text: 'on the train', freshness: 'live' })
      clients.halfOpen()
      await alice.setPresence({ show: 'dnd', status: 'nobody hears' })
      const again = await login('alice', clients.port)
      // The server threw the silent session out for the new one of that name.
      await again.setPresence({ show: 'xa', status: 'out of the tunnel' })
      await untilStatus('alice', { show: 'xa', text: 'out of the tunnel', freshness: 'live' })
      clients.cut()
      // ejabberd does not tell; its API's snapshot each verifyEvery does.
      await untilStatus('alice', { show: 'offline', freshness: 'live' })
    })

    it('is never live beside a link that the server still believes in', async () => {
      const alice = await login('alice')
      await alice.setPresence({ show: 'away', status: 'before' })
      await untilStatus('alice', { text: 'before', freshness: 'live' })
      link.halfOpen()
      await gateway.kill9()
      await gateway.start()
      if (name === 'ejabberd') {
        // It would share what it sends between the two.
        await until(() => gateway.logLines.some(({ reason }) => /conflict/.test(String(reason))), 5000, 'a conflict')
        await untilStatus('alice', { freshness: 'stale' })
        link.cut()
      }
      await alice.setPresence({ show: 'dnd', status: 'after' })
      await untilStatus('alice', { show: 'dnd', text: 'after', freshness: 'live' }, BACK_MS)
    })

    if (LONG) {
      it('notices a half-open link within 45 s and is back within 60 s', async () => {
        const alice = await login('alice')
        await alice.setPresence({ show: 'away', status: 'before' })
        await untilStatus('alice', { text: 'before', freshness: 'live' })
        link.halfOpen()
        const began = performance.now()
        await alice.setPresence({ show: 'dnd', status: 'after' })
        await untilStatus('alice', { freshness: 'stale' }, 46_000)
        // ejabberd keeps the dead link until TCP gives it up.
        if (name === 'ejabberd') link.cut()
        const left = 60_000 - (performance.now() - began)
        await untilStatus('alice', { show: 'dnd', text: 'after', freshness: 'live' }, left)
      }).timeout(90_000)
    }

    async function metric(called: string): Promise<number> {
      const text = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
      return Number(new RegExp(`^${called} (\\d+)$`, 'm').exec(text)?.[1])
    }

    /** The server has had everything that she said before. */
    async function answered(user: XmppUser): Promise<void> {
      await user.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), 'localhost')
    }
  })
}
