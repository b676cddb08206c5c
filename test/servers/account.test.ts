import assert from 'node:assert/strict'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type JsonStatus, untilJson } from '../support/json-status.js'
import { PASSWORD } from '../support/password.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const ACCOUNT = 'robot@localhost'
const OPTIONS: XmppServerOptions = {
  mode: 'none',
  domains: ['localhost', 'elsewhere.localhost', 'unserved.localhost'],
  users: ['robot', 'alice', 'bob', 'carol', 'dave', 'eve'],
}
const SERVERS: readonly [string, (options: XmppServerOptions) => Promise<XmppServer>][] = [
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
]
// Silence is proof after ten seconds.
const PROOF_MS = 16_000

for (const [name, startServer] of SERVERS) {
  describe(`A gateway with a plain account on ${name}`, function () {
    this.timeout(90_000)
    let server: XmppServer
    let gateway: GatewayProcess
    const users: XmppUser[] = []

    before(async () => {
      server = await startServer(OPTIONS)
      await server.register('rita', PASSWORD, 'elsewhere.localhost')
      await server.register('una', PASSWORD, 'unserved.localhost')
      gateway = await startGateway({ config: config(PASSWORD) })
      await linked()
      for (const jid of ['alice@localhost', 'bob@localhost']) await befriend(jid)
    })

    afterEach(async () => {
      for (const user of users.splice(0)) await user.logout().catch(() => {})
    })

    after(async () => {
      await gateway?.stop()
      await server?.stop()
    })

    function config(password: string): Record<string, unknown> {
      const service = `xmpp://127.0.0.1:${server.c2sPort}`
      return {
        xmpp: { connection: 'account', service, jid: ACCOUNT, password, verifyEvery: '3s' },
        domains: { localhost: { publish: 'details' }, 'elsewhere.localhost': { publish: 'details' } },
      }
    }

    async function login(jid: string, resource = 'laptop'): Promise<XmppUser> {
      const user = await XmppUser.login({ port: server.c2sPort, jid, resource })
      users.push(user)
      return user
    }

    const untilStatus = (jid: string, expected: Partial<JsonStatus>, timeoutMs?: number) =>
      untilJson(gateway, jid, expected, timeoutMs)

    const untilGone = (jid: string) => gateway.untilStatus(jid, ({ status }) => status === 404)

    const linked = () =>
      until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok && logged('roster fetched'), 20_000)

    const logged = (message: string) => gateway.logLines.some(({ msg }) => msg === message)

    async function metric(pattern: RegExp): Promise<number> {
      return Number(pattern.exec(await (await fetch(`${gateway.opsUrl}/metrics`)).text())?.[1] ?? 0)
    }

    async function ask(...args: string[]): Promise<string> {
      const { code, output } = await gateway.run('subscribe', ...args)
      assert.equal(code, 0, output)
      return output
    }

    /** Asks her, who is online, and she accepts. */
    async function befriend(jid: string): Promise<XmppUser> {
      const user = await login(jid)
      await user.setPresence()
      await ask(jid)
      await user.acceptSubscription(ACCOUNT)
      await untilStatus(jid, { show: 'online', freshness: 'live' })
      return user
    }

    it('shows its contacts: every resource, text, socket death, log-out', async () => {
      const laptop = await login('alice@localhost', 'laptop')
      const phone = await login('alice@localhost', 'phone')
      await laptop.setPresence({ show: 'away', status: 'tea', priority: 1 })
      await phone.setPresence({ show: 'dnd', status: 'on the phone', priority: 7 })
      await untilStatus('alice@localhost', { show: 'dnd', text: 'on the phone', freshness: 'live' })
      phone.dieSilently()
      await untilStatus('alice@localhost', { show: 'away', text: 'tea', freshness: 'live' })
      await laptop.logout()
      await untilStatus('alice@localhost', { show: 'offline', freshness: 'live' })
    })

    it('is right after its own death (-9) and return', async () => {
      const alice = await login('alice@localhost')
      const bob = await login('bob@localhost')
      await alice.setPresence({ show: 'chat' })
      await bob.setPresence({ show: 'chat' })
      await untilStatus('alice@localhost', { show: 'chat' })
      await untilStatus('bob@localhost', { show: 'chat' })
      await gateway.kill9()
      await alice.setPresence({ show: 'xa', status: 'meanwhile' })
      await bob.logout()
      await gateway.start()
      await untilStatus('alice@localhost', { show: 'xa', text: 'meanwhile', freshness: 'live' })
      await untilStatus('bob@localhost', { show: 'offline', freshness: 'live' }, name === 'Prosody' ? 5000 : PROOF_MS)
    })

    it('is right again after the server was killed, and finds who blocks it', async () => {
      const alice = await login('alice@localhost')
      await alice.setPresence({ show: 'chat' })
      await untilStatus('alice@localhost', { show: 'chat', freshness: 'live' })
      await server.kill()
      await untilStatus('alice@localhost', { show: 'chat', freshness: 'stale' })
      await server.start()
      const bob = await login('bob@localhost')
      await bob.setPresence({ show: 'dnd' })
      await untilStatus('bob@localhost', { show: 'dnd', freshness: 'live' }, 8000)
      // ejabberd is silent about it: a probe stays unanswered.
      await bob.block(ACCOUNT)
      await untilStatus('alice@localhost', { show: 'offline', freshness: 'live' }, PROOF_MS)
      await untilStatus('bob@localhost', { show: 'offline', freshness: 'live' }, PROOF_MS)
      await bob.unblock(ACCOUNT)
      await bob.setPresence({ show: 'away' })
      await untilStatus('bob@localhost', { show: 'away', freshness: 'live' })
    })

    it('counts for nothing what somebody directs at it who is no contact, or only sees it', async () => {
      const dropped = () => metric(/stanzas_dropped_total\{reason="ungranted"\} (\d+)/)
      const eve = await login('eve@localhost')
      await eve.setPresence()
      const before = await dropped()
      await eve.send(`<presence to='${ACCOUNT}'><show>dnd</show></presence>`)
      await eve.send(`<presence to='${ACCOUNT}' type='subscribe'/>`)
      await until(async () => (await dropped()) >= before + 2)
      await untilGone('eve@localhost')
      assert.equal((await eve.roster()).find(({ jid }) => jid === ACCOUNT)?.subscription, 'none')
    })

    it('lets who was asked look back', async () => {
      const alice = await login('alice@localhost')
      await alice.setPresence()
      await alice.send(`<presence to='${ACCOUNT}' type='subscribe'/>`)
      await alice.nextStanza(({ name, attrs }) => name === 'presence' && Boolean(attrs.from?.startsWith(`${ACCOUNT}/`)))
    })

    it('forgets who takes back what she let it see, also while nobody listens', async () => {
      const carol = await befriend('carol@localhost')
      await carol.withdrawSubscription(ACCOUNT)
      await untilGone('carol@localhost')
      await carol.setPresence({ show: 'dnd' })
      await befriend('dave@localhost')
      await gateway.kill9()
      await users.at(-1)?.withdrawSubscription(ACCOUNT)
      await gateway.start()
      await untilGone('dave@localhost')
      await untilGone('carol@localhost')
    })

    it('forgets who is removed, and asks her again if told to', async () => {
      const carol = await befriend('carol@localhost')
      assert.match(await ask('--remove', 'carol@localhost'), /carol@localhost: removed/)
      await untilGone('carol@localhost')
      await carol.setPresence({ show: 'dnd' })
      assert.match(await ask('--remove', 'carol@localhost'), /not in the roster/)
      await ask('carol@localhost')
      await carol.acceptSubscription(ACCOUNT)
      await untilStatus('carol@localhost', { show: 'dnd', freshness: 'live' })
    })

    it('sees contacts anywhere, and publishes those of the configured domains', async () => {
      const rita = await befriend('rita@elsewhere.localhost')
      await rita.logout()
      await untilStatus('rita@elsewhere.localhost', { show: 'offline', freshness: 'live' })
      const una = await login('una@unserved.localhost')
      await una.setPresence()
      await ask('una@unserved.localhost')
      await una.acceptSubscription(ACCOUNT)
      await una.setPresence({ show: 'dnd' })
      await until(async () => (await metric(/users\{show="dnd"\} (\d+)/)) === 1)
      assert.equal((await gateway.status('una@unserved.localhost')).status, 404)
    })

    it('is checked while it runs, and while it does not', async () => {
      const lines = async () => {
        const { code, output } = await gateway.run('check')
        assert.equal(code, 0, output)
        return output.split('\n').filter((line) => /^\w+ +(link|roster|domains):/.test(line))
      }
      const running = await lines()
      assert.deepEqual(running, [
        `ok   link: xmpp://127.0.0.1:${server.c2sPort} takes us as ${ACCOUNT}, without TLS, on this machine`,
        'ok   roster: the gateway sees 5 contacts',
        'warn domains: 1 contact of other domains than these: not published',
      ])
      await gateway.shutDown()
      assert.deepEqual(await lines(), running)
      await gateway.start()
    })

    it('says what to mend when the password is wrong, and tries ever more seldom', async () => {
      const wrong = await startGateway({ config: config('not this') })
      try {
        const { code, output } = await wrong.run('check')
        assert.equal(code, 1)
        assert.match(output, /FAIL link: .* refuses us \(.*xmpp\.password/)
        const line = await until(() => wrong.logLines.find(({ msg }) => String(msg).includes('xmpp.password')))
        assert.match(String(line.msg), /refuses us \(.*not-authorized.*\): xmpp\.jid \(robot@localhost\)/)
        const lossesOf = async () =>
          Number(/link_losses_total (\d+)/.exec(await (await fetch(`${wrong.opsUrl}/metrics`)).text())?.[1])
        await until(async () => (await lossesOf()) >= 2, 15_000)
      } finally {
        await wrong.stop()
      }
    })
  })
}
