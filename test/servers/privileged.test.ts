import assert from 'node:assert/strict'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const OPTIONS: XmppServerOptions = { mode: 'privileged', users: ['alice', 'bob', 'carol'] }
const SERVERS: readonly [string, (options: XmppServerOptions) => Promise<XmppServer>][] = [
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
]

for (const [name, startServer] of SERVERS) {
  describe(`A gateway privileged on ${name}`, function () {
    this.timeout(90_000)
    let server: XmppServer
    let gateway: GatewayProcess
    const users: XmppUser[] = []

    before(async () => {
      server = await startServer(OPTIONS)
      gateway = await startGateway({ server, config: { xmpp: { verifyEvery: '2s' } } })
    })

    afterEach(async () => {
      for (const user of users.splice(0)) await user.logout().catch(() => {})
    })

    after(async () => {
      await gateway?.stop()
      await server?.stop()
    })

    async function login(local: string, resource: string): Promise<XmppUser> {
      const user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost`, resource })
      users.push(user)
      return user
    }

    const untilStatus = (local: string, expected: Partial<JsonStatus>, timeoutMs?: number) =>
      untilJson(gateway, `${local}@localhost`, expected, timeoutMs)

    it('shows log-in, every show, texts as they were written, and log-out', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence()
      await untilStatus('alice', { show: 'online', text: null, freshness: 'live', status: 'online' })
      const text = 'Back at 5 <b>&amp; "quotes" \'too\'</b> 👩‍👩‍👧 ]]>'
      await alice.setPresence({ show: 'away', status: text })
      await untilStatus('alice', { show: 'away', text, status: 'away' })
      await alice.setPresence({ show: 'dnd' })
      await untilStatus('alice', { show: 'dnd', text: null, status: 'unavailable' })
      await alice.setPresence({ show: 'xa' })
      await untilStatus('alice', { show: 'xa' })
      await alice.setPresence({ show: 'chat' })
      await untilStatus('alice', { show: 'chat', status: 'online' })
      await alice.unavailable('Gone <home>')
      const gone = await untilStatus('alice', { show: 'offline', text: 'Gone <home>', status: 'offline' })
      assert.ok((gone.seconds ?? 99) <= 1)
    })

    it('shows the resource with the highest priority, and the next one when that leaves', async () => {
      const laptop = await login('alice', 'laptop')
      const phone = await login('alice', 'phone')
      await laptop.setPresence({ show: 'dnd', status: 'laptop', priority: 10 })
      await phone.setPresence({ show: 'chat', status: 'phone', priority: 5 })
      await untilStatus('alice', { show: 'dnd', text: 'laptop' })
      await phone.setPresence({ show: 'chat', status: 'phone', priority: 20 })
      await untilStatus('alice', { show: 'chat', text: 'phone' })
      await phone.logout()
      await untilStatus('alice', { show: 'dnd', text: 'laptop' })
      await laptop.logout()
      await untilStatus('alice', { show: 'offline' })
    })

    it('counts idle time from when the user was last active (XEP-0319)', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence({ show: 'away', idleSince: new Date(Date.now() - 3_600_000) })
      const { seconds } = await untilStatus('alice', { show: 'away' })
      assert.ok(seconds !== null && Math.abs(seconds - 3600) <= 2, String(seconds))
    })

    it('notices a socket that dies without saying so', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence({ show: 'away' })
      await untilStatus('alice', { show: 'away' })
      alice.dieSilently()
      // ejabberd does not tell; its API's snapshot each verifyEvery does.
      await untilStatus('alice', { show: 'offline', freshness: 'live' }, name === 'ejabberd' ? 6000 : 2000)
    })

    it('knows after its own death (-9) and return what changed in between', async () => {
      const alice = await login('alice', 'laptop')
      const bob = await login('bob', 'laptop')
      const carol = await login('carol', 'laptop')
      await alice.setPresence({ show: 'away', status: 'as before', idleSince: new Date(Date.now() - 60_000) })
      await bob.setPresence({ show: 'chat' })
      await carol.setPresence({ show: 'chat' })
      const before = await untilStatus('alice', { show: 'away' })
      await untilStatus('bob', { show: 'chat' })
      await untilStatus('carol', { show: 'chat' })
      // What the last 5 ms brought is not stored yet.
      await sleep(100)
      await gateway.kill9()
      await bob.logout()
      await carol.setPresence({ show: 'dnd', status: 'meanwhile' })
      await gateway.start()
      const after = await untilStatus('alice', { show: 'away', text: 'as before', freshness: 'live' })
      assert.equal(after.since, before.since)
      await untilStatus('bob', { show: 'offline', freshness: 'live' })
      await untilStatus('carol', { show: 'dnd', text: 'meanwhile', freshness: 'live' })
    })

    it('says stale while the server is gone, and never takes that for offline', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence({ show: 'away', status: 'here' })
      // With its text: she was away before, too.
      await untilStatus('alice', { show: 'away', text: 'here', freshness: 'live' })
      await server.kill()
      await untilStatus('alice', { show: 'away', text: 'here', freshness: 'stale' })
      assert.equal((await fetch(`${gateway.opsUrl}/readyz`)).status, 503)
      await server.start()
      await untilStatus('alice', { show: 'offline', freshness: 'live' }, 15_000)
      assert.equal((await fetch(`${gateway.opsUrl}/readyz`)).status, 200)
      const back = await login('alice', 'laptop')
      await back.setPresence({ show: 'xa' })
      await untilStatus('alice', { show: 'xa', freshness: 'live' })
    })

    it('keeps last activity across restarts', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence()
      await untilStatus('alice', { show: 'online' })
      await alice.logout()
      const before = await untilStatus('alice', { show: 'offline', freshness: 'live' })
      await gateway.restart()
      const after = await untilStatus('alice', { show: 'offline', freshness: 'live' })
      assert.equal(after.since, before.since)
    })

    it('answers a target in absolute form, too (RFC 9112 §3.2.2)', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence({ show: 'xa' })
      await untilStatus('alice', { show: 'xa' })
      const { hostname, port } = new URL(gateway.url)
      const path = 'http://presence.example.org/xmpp/status/alice@localhost.txt'
      const body = await new Promise<string>((resolve, reject) => {
        get({ hostname, port, path }, (response) => {
          response.setEncoding('utf8').on('data', resolve)
        }).on('error', reject)
      })
      assert.equal(body, 'xa')
    })

    it('drops what a user sends under another domain, and stands a stanza beyond its bounds', async () => {
      const alice = await login('alice', 'laptop')
      await alice.setPresence({ show: 'away', status: 'first' })
      await untilStatus('alice', { text: 'first' })
      await alice.setPresence({ show: 'dnd', status: 'x'.repeat(100_000) })
      await alice.send(`<presence>${'<a>'.repeat(200)}${'</a>'.repeat(200)}</presence>`)
      await alice.setPresence({ show: 'chat', status: 'last' })
      await untilStatus('alice', { show: 'chat', text: 'last', freshness: 'live' })
      const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
      assert.match(metrics, /stanzas_dropped_total\{reason="too-long"\} [1-9]/)
      assert.match(metrics, /stanzas_dropped_total\{reason="too-deep"\} [1-9]/)
    })
  })
}
