import assert from 'node:assert/strict'
import { xml } from '@xmpp/client'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const OPTIONS: XmppServerOptions = { mode: 'subscription', users: ['alice', 'bob', 'carol', 'dave'] }
const SERVERS: readonly [string, (options: XmppServerOptions) => Promise<XmppServer>][] = [
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
]
const COMPONENT = 'presence.localhost'
// A probe that stays unanswered is proof after ten seconds.
const PROOF_MS = 16_000

for (const [name, startServer] of SERVERS) {
  describe(`A gateway whose users let it see them on ${name}`, function () {
    this.timeout(90_000)
    let server: XmppServer
    let gateway: GatewayProcess
    const users: XmppUser[] = []

    before(async () => {
      server = await startServer(OPTIONS)
      gateway = await startGateway({ server, config: { xmpp: { verifyEvery: '3s', sources: ['subscription'] } } })
      await linked()
    })

    afterEach(async () => {
      for (const user of users.splice(0)) await user.logout().catch(() => {})
    })

    after(async () => {
      await gateway?.stop()
      await server?.stop()
    })

    async function login(local: string, resource = 'laptop'): Promise<XmppUser> {
      const user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost`, resource })
      users.push(user)
      return user
    }

    const untilStatus = (local: string, expected: Partial<JsonStatus>, timeoutMs?: number) =>
      untilJson(gateway, `${local}@localhost`, expected, timeoutMs)

    async function untilCode(local: string, code: number, timeoutMs?: number): Promise<void> {
      await gateway.untilStatus(`${local}@localhost`, ({ status }) => status === code, timeoutMs ? { timeoutMs } : {})
    }

    /** What a user says while the link is down is lost. */
    const linked = () => until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok)

    async function ask(local: string): Promise<void> {
      const { code, output } = await gateway.run('subscribe', `${local}@localhost`)
      assert.equal(code, 0, output)
    }

    it('knows nobody who was not asked, whatever she sends it', async () => {
      const bob = await login('bob')
      await bob.setPresence()
      await bob.send(`<presence to='${COMPONENT}'><show>dnd</show></presence>`)
      const alice = await login('alice')
      await alice.setPresence()
      await ask('alice')
      await alice.acceptSubscription(COMPONENT)
      await untilStatus('alice', { show: 'online', freshness: 'live' })
      assert.equal((await gateway.status('bob@localhost')).status, 404)
    })

    it('shows who accepted: every resource, socket death, log-out', async () => {
      const laptop = await login('alice', 'laptop')
      const phone = await login('alice', 'phone')
      await laptop.setPresence({ show: 'away', status: 'laptop', priority: 1 })
      await phone.setPresence({ show: 'dnd', status: 'phone', priority: 7 })
      await untilStatus('alice', { show: 'dnd', text: 'phone', freshness: 'live' })
      phone.dieSilently()
      await untilStatus('alice', { show: 'away', text: 'laptop', freshness: 'live' })
      await laptop.logout()
      await untilStatus('alice', { show: 'offline', freshness: 'live' })
    })

    it('finds by probes who is there after its own death (-9) and return', async () => {
      const alice = await login('alice')
      await alice.setPresence({ show: 'chat' })
      await untilStatus('alice', { show: 'chat' })
      await gateway.kill9()
      await alice.setPresence({ show: 'xa', status: 'meanwhile' })
      await gateway.start()
      await untilStatus('alice', { show: 'xa', text: 'meanwhile', freshness: 'live' })
      await gateway.kill9()
      await alice.logout()
      await gateway.start()
      await untilStatus('alice', { show: 'offline', freshness: 'live' }, PROOF_MS)
    })

    it('is right again after the server was killed', async () => {
      const alice = await login('alice')
      await alice.setPresence({ show: 'chat' })
      await untilStatus('alice', { show: 'chat', freshness: 'live' })
      await server.kill()
      await untilStatus('alice', { show: 'chat', freshness: 'stale' })
      await server.start()
      await untilStatus('alice', { show: 'offline', freshness: 'live' }, PROOF_MS + 6000)
    })

    it('hides who blocks the component', async () => {
      const carol = await login('carol')
      await carol.setPresence({ show: 'chat' })
      await ask('carol')
      await carol.acceptSubscription(COMPONENT)
      await untilStatus('carol', { show: 'chat', freshness: 'live' })
      await carol.block(COMPONENT)
      // ejabberd is silent: the next probe stays unanswered.
      await untilStatus('carol', { show: 'offline', freshness: 'live' }, name === 'Prosody' ? 3000 : PROOF_MS + 3000)
      await carol.unblock(COMPONENT)
      await carol.setPresence({ show: 'away' })
      await untilStatus('carol', { show: 'away', freshness: 'live' })
    })

    it('forgets who withdraws her consent at once and for good, and shows her when she gives it again', async () => {
      const dave = await login('dave')
      await dave.setPresence({ show: 'chat' })
      await ask('dave')
      await dave.acceptSubscription(COMPONENT)
      await untilStatus('dave', { show: 'chat', freshness: 'live' })
      await dave.withdrawSubscription(COMPONENT)
      await untilCode('dave', 404)
      await gateway.restart()
      await linked()
      await dave.setPresence({ show: 'dnd' })
      await untilCode('dave', 404)
      // By her own step: she adds the component as a contact and accepts its request in return.
      await dave.send(`<presence to='${COMPONENT}' type='subscribe'/>`)
      await dave.acceptSubscription(COMPONENT)
      await untilStatus('dave', { show: 'dnd', freshness: 'live' })
      const contact = (await dave.roster()).find(({ jid }) => jid === COMPONENT)
      assert.equal(contact?.subscription, 'both')
    })

    it('does not ask again who declined', async () => {
      const bob = await login('bob')
      await bob.setPresence()
      await ask('bob')
      await bob.denySubscription(COMPONENT)
      // The answer to whatever she sends after it proves that her refusal arrived.
      await bob.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), COMPONENT)
      await gateway.restart()
      await assert.rejects(bob.nextSubscriptionRequest(COMPONENT, 1000))
      await untilCode('bob', 404)
    })
  })
}
