import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tablesOf } from '../contract/contract.js'
import { ApiClient } from '../support/api-client.js'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { PASSWORD } from '../support/password.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { nextSignIn } from '../support/sign-in-message.js'
import { until } from '../support/until.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const ALICE = 'alice@localhost'
const BOB = 'bob@localhost'
const ROBOT = 'robot@localhost'

const WIRINGS: readonly [
  string,
  (options: XmppServerOptions) => Promise<XmppServer>,
  'privileged' | 'subscription' | 'account',
][] = [
  ['privileged on Prosody', startProsody, 'privileged'],
  ['privileged on ejabberd', startEjabberd, 'privileged'],
  ['subscribed on Prosody', startProsody, 'subscription'],
  ['a contact on Prosody', startProsody, 'account'],
]

for (const [name, startServer, mode] of WIRINGS) {
  describe(`A user who had everything deleted, ${name}`, function () {
    this.timeout(60_000)
    let server: XmppServer
    let gateway: GatewayProcess
    let publicUrl: string
    let alice: XmppUser
    let bob: XmppUser
    let browser: ApiClient
    let link: string
    /** Whom she let see her. */
    let contact: string

    before(async () => {
      const wiring = mode === 'account' ? 'none' : mode
      server = await startServer({ mode: wiring, users: ['alice', 'bob', 'robot'] })
      contact = mode === 'account' ? ROBOT : server.componentDomain
      const account = {
        connection: 'account',
        service: `xmpp://127.0.0.1:${server.c2sPort}`,
        jid: ROBOT,
        password: PASSWORD,
      }
      const [port = 0] = await freePorts(1)
      publicUrl = `http://localhost:${port}`
      const http = { port, publicUrl }
      gateway = await (mode === 'account'
        ? startGateway({ config: { http, xmpp: account, domains: { localhost: { publish: 'details' } } } })
        : startGateway({ server, config: { http, xmpp: { verifyEvery: '2s' } } }))
      await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok, 20_000, 'the link')
      alice = await XmppUser.login({ port: server.c2sPort, jid: ALICE, resource: 'laptop' })
      bob = await XmppUser.login({ port: server.c2sPort, jid: BOB, resource: 'laptop' })
      await alice.setPresence({ show: 'away', status: 'tea' })
      await bob.setPresence({ show: 'away' })
      for (const user of mode === 'privileged' ? [] : [alice, bob]) {
        await gateway.run('subscribe', user.jid)
        await user.acceptSubscription(contact)
      }
      await untilJson(gateway, ALICE, { show: 'away', text: 'tea', freshness: 'live' }, 20_000)
      browser = await signIn()
      assert.equal((await browser.ask('PUT', '/api/me', { publish: 'details' })).json.publishes, 'details')
      link = (await browser.ask('POST', '/api/me/link')).json.link
      assert.equal((await fetch(`${link}.txt`)).status, 200)
    })

    after(async () => {
      for (const user of [alice, bob]) await user?.logout().catch(() => {})
      await gateway?.stop()
      await server?.stop()
    })

    async function signIn(): Promise<ApiClient> {
      const client = new ApiClient(publicUrl, { Origin: publicUrl })
      const { json } = await client.ask('POST', '/api/sign-in', { jid: ALICE })
      const { code } = await nextSignIn(alice)
      const { status, text } = await client.ask('POST', `/api/sign-in/${json.id}`, { code })
      assert.equal(status, 200, text)
      return client
    }

    /** Whatever the server was told before, the gateway has been told. */
    async function told(): Promise<void> {
      const status = `told ${Math.random()}`
      await bob.setPresence({ show: 'dnd', status })
      await untilJson(gateway, BOB, { text: status }, 20_000)
    }

    async function assertNobody(): Promise<void> {
      const nobody = await gateway.status('nobody@localhost')
      const { status, body, headers } = await gateway.status(ALICE)
      assert.deepEqual([status, body], [404, nobody.body])
      assert.deepEqual([...headers.keys()], [...nobody.headers.keys()])
      assert.equal((await fetch(link)).status, 404)
    }

    async function assertUnnamed(): Promise<void> {
      await gateway.shutDown()
      const tables = tablesOf(join(gateway.directory, 'data'))
      const where = Object.keys(tables).filter((table) => JSON.stringify(tables[table]).includes(ALICE))
      assert.deepEqual(where, [])
      assert.equal(tables.forgotten?.length, 1)
      // Nor in what the database has freed.
      const data = join(gateway.directory, 'data')
      const files = readdirSync(data).filter((file) => readFileSync(join(data, file)).includes(ALICE))
      assert.deepEqual(files, [])
      await gateway.start()
    }

    it('is nobody at once, and signed in nowhere', async () => {
      const { status, json } = await browser.ask('DELETE', '/api/me')
      assert.deepEqual([status, json], [200, { result: 'OK' }])
      await assertNobody()
      for (const [method, path] of [
        ['GET', '/api/me'],
        ['PUT', '/api/me'],
        ['DELETE', '/api/me'],
      ] as const) {
        assert.equal(
          (await browser.ask(method, path, method === 'PUT' ? { publish: 'details' } : undefined)).status,
          401,
        )
      }
    })

    it('stays nobody whatever she does', async () => {
      for (const show of ['dnd', 'xa', 'chat'] as const) await alice.setPresence({ show, status: 'coffee' })
      await told()
      await assertNobody()
      await alice.unavailable()
      await alice.setPresence({ show: 'away', status: 'tea' })
      await told()
      await assertNobody()
    })

    it('is published or asked again by no admin', async () => {
      for (const args of [
        ['publish', ALICE, 'details'],
        ['subscribe', ALICE],
      ]) {
        const [command = '', ...rest] = args
        const { code, output } = await gateway.run(command, ...rest)
        assert.equal(code, 1, output)
        assert.match(output, /had everything deleted/)
      }
      await assertNobody()
    })

    it('stays nobody when the gateway starts again, and is named nowhere', async () => {
      await assertUnnamed()
      await untilJson(gateway, BOB, { freshness: 'live' }, 20_000)
      await gateway.kill9()
      await gateway.start()
      await untilJson(gateway, BOB, { freshness: 'live' }, 20_000)
      await alice.setPresence({ show: 'xa', status: 'back' })
      await told()
      await assertNobody()
      await assertUnnamed()
    })

    if (mode !== 'privileged') {
      it('is let be by her server, too', async () => {
        const items = await alice.roster()
        const subscription = items.find(({ jid }) => jid === contact)?.subscription ?? 'none'
        assert.equal(subscription, 'none')
      })
    }

    it('is seen again when she signs in again, with nothing of what she had', async () => {
      await alice.setPresence({ show: 'xa', status: 'again' })
      await told()
      await assertNobody()
      const again = await signIn()
      const { status: before, ...me } = (await again.ask('GET', '/api/me')).json
      assert.deepEqual(me, { jid: ALICE, publish: 'domain', publishes: 'details', hasLink: false })
      assert.equal((await fetch(link)).status, 404)
      // She takes her time: whatever the gateway does besides asking her must not undo that.
      await told()
      if (mode !== 'privileged') await alice.acceptSubscription(contact)
      else if (server.name === 'Prosody') {
        // It has no means to tell how she is, so nobody says anything before she does.
        assert.equal(before.freshness, 'unknown')
        await alice.setPresence({ show: 'xa', status: 'again' })
      }
      await untilJson(gateway, ALICE, { show: 'xa', text: 'again', freshness: 'live' }, 20_000)
    })
  })
}

describe('A contact of no served domain, who had everything deleted', function () {
  this.timeout(60_000)

  it('can sign in again, and is asked to be seen again', async () => {
    const una = 'una@unserved.localhost'
    const server = await startProsody({ mode: 'none', users: ['robot'], domains: ['localhost', 'unserved.localhost'] })
    const opened: (() => Promise<unknown>)[] = [() => server.stop()]
    try {
      await server.register('una', PASSWORD, 'unserved.localhost')
      const [port = 0] = await freePorts(1)
      const publicUrl = `http://localhost:${port}`
      const service = `xmpp://127.0.0.1:${server.c2sPort}`
      const gateway = await startGateway({
        config: { http: { port, publicUrl }, xmpp: { connection: 'account', service, jid: ROBOT, password: PASSWORD } },
      })
      opened.push(() => gateway.stop())
      await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok, 20_000, 'the link')
      const client = await XmppUser.login({ port: server.c2sPort, jid: una, resource: 'laptop' })
      opened.push(() => client.logout())
      await client.setPresence({})
      await gateway.run('subscribe', una)
      await client.acceptSubscription(ROBOT)
      const signIn = async () => {
        const browser = new ApiClient(publicUrl, { Origin: publicUrl })
        const { json } = await browser.ask('POST', '/api/sign-in', { jid: una })
        const { code } = await nextSignIn(client)
        assert.equal((await browser.ask('POST', `/api/sign-in/${json.id}`, { code })).status, 200)
        return browser
      }
      assert.equal((await (await signIn()).ask('DELETE', '/api/me')).status, 200)
      await signIn()
      await client.acceptSubscription(ROBOT)
    } finally {
      for (const close of opened.reverse()) await close().catch(() => {})
    }
  })
})
