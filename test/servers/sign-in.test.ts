import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { xml } from '@xmpp/client'
import { ApiClient } from '../support/api-client.js'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { PASSWORD } from '../support/password.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { nextSignIn, type ReceivedSignIn, reply } from '../support/sign-in-message.js'
import { until } from '../support/until.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const ALICES = ['alice', 'alina', 'alma', 'alva']
const BOB = 'bob@localhost'
const ROBOT = 'robot@localhost'

for (const [name, startServer, connection] of [
  ['Prosody', startProsody, 'component'],
  ['ejabberd', startEjabberd, 'component'],
  ['Prosody, as an account', startProsody, 'account'],
] as const) {
  describe(`Signing in on ${name}`, function () {
    this.timeout(60_000)
    let server: XmppServer
    let gateway: GatewayProcess
    let publicUrl: string
    /** Five messages a user in ten minutes: they take turns. */
    let alices: XmppUser[]
    let bob: XmppUser
    /** Whatever signs somebody in. */
    const secrets: string[] = []
    let log = ''

    before(async () => {
      const [port = 0] = await freePorts(1)
      publicUrl = `http://localhost:${port}`
      const mode = connection === 'account' ? 'none' : 'subscription'
      const options: XmppServerOptions = {
        mode,
        users: [...ALICES, 'bob', 'carol', 'robot'],
        domains: ['localhost', 'unserved.localhost'],
      }
      server = await startServer(options)
      await server.register('una', PASSWORD, 'unserved.localhost')
      const account = { connection, service: `xmpp://127.0.0.1:${server.c2sPort}`, jid: ROBOT, password: PASSWORD }
      gateway = await startGateway({
        ...(connection === 'component' && { server }),
        config: {
          // Each test is a client of its own.
          http: { port, publicUrl, trustProxy: ['127.0.0.0/8'] },
          domains: { localhost: { publish: 'details' } },
          ...(connection === 'account' && { xmpp: account }),
        },
      })
      await linked()
      alices = await Promise.all(ALICES.map((user) => login(`${user}@localhost`)))
      bob = await login(BOB)
    })

    after(async () => {
      for (const alice of alices ?? []) await alice.logout()
      await bob?.logout()
      await gateway?.stop()
      await server?.stop()
    })

    const linked = () => until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok, 20_000)

    function nextAlice(): XmppUser {
      const [next = assert.fail(), ...others] = alices
      alices = [...others, next]
      return next
    }

    async function login(jid: string, resource = 'laptop'): Promise<XmppUser> {
      const user = await XmppUser.login({ port: server.c2sPort, jid, resource })
      await user.setPresence()
      return user
    }

    const browser = (headers: Record<string, string> = {}) =>
      new ApiClient(gateway.url, { Origin: publicUrl, 'User-Agent': 'Firefox/128 (Linux)', ...headers })

    interface Begun {
      readonly client: ApiClient
      readonly user: XmppUser
      readonly path: string
      readonly phrase: string
      readonly message: ReceivedSignIn
    }

    async function begin(client = browser(), user = nextAlice()): Promise<Begun> {
      const { status, json, text } = await client.ask('POST', '/api/sign-in', { jid: user.jid })
      assert.equal(status, 200, text)
      const message = await nextSignIn(user)
      secrets.push(...client.cookies.values(), message.link.split('/').at(-1) ?? '', message.thread)
      return { client, user, path: `/api/sign-in/${json.id}`, phrase: json.phrase, message }
    }

    async function signIn(user = nextAlice(), client = browser()): Promise<ApiClient> {
      const { path, message } = await begin(client, user)
      const { status, json, text } = await client.ask('POST', path, { code: message.code })
      assert.deepEqual([status, json], [200, { result: 'OK', jid: user.jid }], text)
      secrets.push(...client.cookies.values())
      return client
    }

    const isSignedIn = async (client: ApiClient) => (await client.ask('GET', '/api/me/sessions')).status === 200
    const finish = async ({ client, path }: Begun, code?: string) => client.ask('POST', path, { code })
    const statusOf = async (begun: Begun, code?: string) => (await finish(begun, code)).status
    /** Whatever was sent before has been handled. */
    const handled = (user: XmppUser, { message }: Begun) =>
      user.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), message.from).catch(() => {})

    it('sends one message with a code, which signs in the browser that began', async () => {
      const begun = await begin(browser({ 'X-Forwarded-For': '2001:db8::7' }))
      const { client, user, message, phrase } = begun
      assert.ok(message.from.startsWith(connection === 'account' ? ROBOT : 'presence.localhost'), message.from)
      for (const text of [publicUrl, phrase, '2001:db8::7']) assert.ok(message.body.includes(text), message.body)
      assert.ok(message.link.startsWith(`${publicUrl}/sign-in/link/`))
      const waiting = await finish(begun)
      assert.deepEqual([waiting.status, waiting.json], [202, { result: 'waiting' }])
      const wrong = await finish(begun, message.code === '000000' ? '000001' : '000000')
      assert.deepEqual([wrong.status, wrong.json.errno], [401, 110])
      assert.match(wrong.json.error, /tries left: 4/)
      const done = await finish(begun, message.code)
      assert.deepEqual([done.status, done.json], [200, { result: 'OK', jid: user.jid }])
      assert.equal(done.headers.get('cache-control'), 'no-store')
      assert.equal(done.headers.get('x-content-type-options'), 'nosniff')
      assert.deepEqual([...client.cookies.keys()], ['session'])
      secrets.push(...client.cookies.values())
      const again = await finish(begun, message.code)
      assert.deepEqual([again.status, again.json.errno], [404, 130])
      const { sessions } = (await client.ask('GET', '/api/me/sessions')).json
      assert.equal(sessions.length, 1)
      assert.deepEqual(
        { ...sessions[0], createdAt: '', usedAt: '' },
        { browser: 'Firefox on Linux', address: '2001:db8::7', createdAt: '', usedAt: '', current: true },
      )
    })

    it('signs in by her confirmation, from any of her resources', async () => {
      const begun = await begin()
      const phone = await login(begun.user.jid, 'phone')
      await reply(phone, begun.message, true)
      const { json } = await until(async () => {
        const answer = await finish(begun)
        return answer.status === 200 && answer
      })
      assert.deepEqual(json, { result: 'OK', jid: begun.user.jid })
      assert.ok(await isSignedIn(begun.client))
      secrets.push(...begun.client.cookies.values())
      await reply(phone, begun.message, true)
      assert.equal(await statusOf(begun), 404)
      await phone.logout()
    })

    it('is over once she refuses', async () => {
      const begun = await begin()
      await reply(begun.user, begun.message, false)
      await until(async () => (await statusOf(begun)) === 404)
      assert.equal(await statusOf(begun, begun.message.code), 404)
    })

    it('hears nobody but her, and nothing but what was asked', async () => {
      const begun = await begin()
      const other = await begin()
      for (const allowed of [true, false]) await reply(other.user, begun.message, allowed)
      for (const said of [
        { id: other.message.thread, thread: other.message.thread },
        { id: 'guessed', thread: 'guessed' },
        { id: undefined },
        { method: 'POST' },
        { url: `${publicUrl}/other` },
        { thread: 'other' },
      ]) {
        for (const allowed of [true, false]) await reply(begun.user, begun.message, allowed, said)
      }
      await begun.user.send(xml('message', { to: begun.message.from }, xml('body', {}, 'OK')))
      await handled(other.user, other)
      await handled(begun.user, begun)
      assert.deepEqual([await statusOf(begun), await statusOf(other)], [202, 202])
    })

    it('refuses another browser, though it knows id and code', async () => {
      const begun = await begin()
      await reply(begun.user, begun.message, true)
      await until(async () => (await statusOf({ ...begun, client: begun.client.copy() })) === 200)
      const next = await begin()
      for (const client of [browser(), begun.client, (await begin()).client]) {
        assert.equal(await statusOf({ ...next, client }, next.message.code), 404)
        assert.equal(await statusOf({ ...next, client }), 404)
      }
      assert.equal(await statusOf(next, next.message.code), 200)
    })

    it('survives robots that look at the link', async () => {
      const begun = await begin()
      const { pathname } = new URL(begun.message.link)
      for (const method of ['GET', 'HEAD', 'GET']) await fetch(gateway.url + pathname, { method })
      assert.equal(await statusOf(begun), 202)
      assert.equal(await statusOf(begun, begun.message.code), 200)
    })

    it('begins nothing for pages of other sites', async () => {
      const post = (headers: Record<string, string>) =>
        fetch(`${gateway.url}/api/sign-in`, { method: 'POST', headers, body: JSON.stringify({ jid: BOB }) })
      for (const headers of [
        { 'Content-Type': 'application/json', Origin: 'https://evil.example' },
        { 'Content-Type': 'application/json', Origin: 'null' },
        { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'cross-site' },
        { 'Content-Type': 'text/plain' },
        {},
      ] as Record<string, string>[]) {
        const response = await post(headers)
        assert.equal(response.status, 403, JSON.stringify(headers))
        assert.deepEqual(response.headers.getSetCookie(), [])
        assert.equal(response.headers.get('access-control-allow-origin'), null)
      }
      const preflight = await fetch(`${gateway.url}/api/sign-in`, {
        method: 'OPTIONS',
        headers: { Origin: 'https://evil.example' },
      })
      assert.equal(preflight.headers.get('access-control-allow-origin'), null)
    })

    it('answers the same whether there is such a user or not', async () => {
      const una = await XmppUser.login({ port: server.c2sPort, jid: 'una@unserved.localhost' })
      await una.setPresence()
      const shape = async (jid: string) => {
        const client = browser({ 'X-Forwarded-For': `192.0.2.${++last}` })
        const answers = [await client.ask('POST', '/api/sign-in', { jid })]
        // Longer than the server takes to return what it could not deliver.
        const path = `/api/sign-in/${answers[0]?.json.id}`
        await bob.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), 'localhost')
        for (const code of [undefined, undefined, '123', undefined])
          answers.push(await client.ask('POST', path, { code }))
        for (let i = 0; i < 5; i++) answers.push(await client.ask('POST', '/api/sign-in', { jid }))
        return answers.map(({ status, headers, text }) => ({
          status,
          headers: [...headers].map(([key, value]) => [
            key,
            key === 'set-cookie'
              ? value.replace(/=[\w-]{43};.*?GMT/, '')
              : key === 'date' || key === 'content-length'
                ? ''
                : value,
          ]),
          text: text.replace(/"sgn_[\w-]{24}","phrase":"[a-z]+ [a-z]+"/, ''),
        }))
      }
      let last = 0
      const carol = await login('carol@localhost')
      const expected = await shape(carol.jid)
      assert.deepEqual(
        expected.map(({ status }) => status),
        [200, 202, 202, 401, 202, 200, 200, 200, 200, 429],
      )
      for (const jid of ['nobody@localhost', 'una@unserved.localhost', 'x@elsewhere.example', 'y@presence.localhost']) {
        assert.deepEqual(await shape(jid), expected, jid)
      }
      // Of an unserved domain nobody hears anything.
      const received = una.nextStanza(({ name: kind }) => kind === 'message', 300)
      await assert.rejects(received)
      await una.logout()
      await carol.logout()
    })

    it('says how long to wait who asks too often', async () => {
      const client = browser()
      for (let i = 0; i < 5; i++) assert.equal((await client.ask('POST', '/api/sign-in', { jid: BOB })).status, 200)
      const { status, headers, json } = await client.ask('POST', '/api/sign-in', { jid: BOB })
      assert.deepEqual([status, json.errno], [429, 140])
      assert.ok(Number(headers.get('retry-after')) > 500 && Number(headers.get('retry-after')) <= 600)
      const malformed = await client.ask('POST', '/api/sign-in', { jid: 'straße@localhost' })
      assert.deepEqual([malformed.status, malformed.json.errno], [400, 102])
      for (let i = 0; i < 5; i++) await nextSignIn(bob)
    })

    it('knows a browser until it signs out, and no stolen cookie after', async () => {
      const client = await signIn()
      const stolen = client.copy()
      assert.ok(await isSignedIn(stolen))
      const foreign = await client.ask('POST', '/api/sign-out', {}, { Origin: 'https://evil.example' })
      assert.deepEqual([foreign.status, foreign.json.errno], [403, 121])
      assert.ok(foreign.json.error.includes(publicUrl), foreign.json.error)
      assert.equal((await client.ask('POST', '/api/sign-out', {})).status, 200)
      assert.deepEqual([await isSignedIn(client), await isSignedIn(stolen)], [false, false])
    })

    it('signs out everywhere at once; what began and what ended survive kill -9', async () => {
      const user = nextAlice()
      const [one, two, other] = [await signIn(user), await signIn(user), await signIn()]
      const { token } = (await one.ask('POST', '/api/tokens', { name: 'stays' })).json
      secrets.push(token)
      assert.ok((await one.ask('GET', '/api/me/sessions')).json.sessions.length >= 2)
      assert.equal((await one.ask('DELETE', '/api/me/sessions')).status, 200)
      assert.deepEqual([await isSignedIn(one), await isSignedIn(two)], [false, false])
      log += gateway.output
      await gateway.kill9()
      await gateway.start()
      await linked()
      assert.deepEqual([await isSignedIn(one), await isSignedIn(two), await isSignedIn(other)], [false, false, true])
      const script = new ApiClient(gateway.url, { Authorization: `Bearer ${token}` })
      assert.deepEqual((await script.ask('GET', '/api/me/sessions')).json, { sessions: [] })
    })

    it('gives scripts tokens, which are shown once and can be removed', async () => {
      // As curl does: no Origin but where a session writes.
      const client = await signIn(nextAlice(), new ApiClient(gateway.url))
      assert.equal((await client.ask('POST', '/api/tokens', { name: 'script' })).json.errno, 121)
      const made = await client.ask('POST', '/api/tokens', { name: '  my script ' }, { Origin: publicUrl })
      assert.equal(made.status, 200, made.text)
      const { id, name: called, token, createdAt } = made.json
      secrets.push(token.slice(id.length))
      assert.deepEqual([called, new Date(createdAt).toISOString()], ['my script', createdAt])
      const script = new ApiClient(gateway.url, { Authorization: `Bearer ${token}` })
      const { tokens } = (await script.ask('GET', '/api/tokens')).json
      assert.deepEqual(
        tokens.filter((one: { id: string }) => one.id === id),
        [{ id, name: called, createdAt }],
      )
      // Only a browser that is signed in makes more.
      assert.deepEqual((await script.ask('POST', '/api/tokens', { name: 'more' })).json.errno, 110)
      for (const bad of ['', ' ', 'x'.repeat(101), 'a\nb', 7, null]) {
        const { json } = await client.ask('POST', '/api/tokens', { name: bad }, { Origin: publicUrl })
        assert.equal(json.errno, 101, JSON.stringify(bad))
      }
      assert.equal((await script.ask('DELETE', '/api/tokens/tok_other')).status, 404)
      assert.equal((await script.ask('DELETE', `/api/tokens/${id}`)).status, 200)
      assert.deepEqual((await script.ask('GET', '/api/tokens')).json.errno, 112)
    })

    it('leaves nothing that signs anybody in, in the files or in the log', async () => {
      const client = await signIn()
      secrets.push(...client.cookies.values())
      const { path, message } = await begin()
      await client.ask('POST', path, { code: message.code })
      assert.ok(secrets.length > 20)
      const data = join(gateway.directory, 'data')
      const files = readdirSync(data).filter((file) => file.startsWith('gateway.db'))
      assert.ok(files.includes('gateway.db-wal'), String(files))
      for (const file of files) {
        const bytes = readFileSync(join(data, file))
        for (const secret of secrets) assert.equal(bytes.includes(secret), false, `${file}: ${secret}`)
      }
      log += gateway.output
      assert.ok(log.includes('listening'))
      for (const secret of [...secrets, message.code]) assert.equal(log.includes(secret), false, secret)
    })
  })
}
