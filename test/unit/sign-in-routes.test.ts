import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { PersonalTokens } from '../../src/accounts/personal-tokens.js'
import { Sessions } from '../../src/accounts/sessions.js'
import { SignIn, type SignInMessage } from '../../src/accounts/sign-in.js'
import { SignInRequests } from '../../src/accounts/sign-in-requests.js'
import { createApplication } from '../../src/http/application.js'
import { sessionRoutes } from '../../src/http/routes/sessions.js'
import { signInRoutes } from '../../src/http/routes/sign-in.js'
import { tokenRoutes } from '../../src/http/routes/tokens.js'
import { Visitors } from '../../src/http/visitors.js'
import { Domains } from '../../src/presence/domains.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { ApiClient } from '../support/api-client.js'
import { FakeClock } from './fake-clock.js'
import { NO_PAGES } from './no-pages.js'
import { temporaryDirectory } from './temporary-directory.js'

const ORIGIN = 'https://presence.example.org'

describe('The API for signing in', () => {
  const directory = temporaryDirectory()
  let database: Database
  let online: boolean
  let sent: SignInMessage[]
  let unexpected: unknown[]
  let browser: ApiClient
  let close: () => void

  beforeEach(async () => {
    database = openDatabase(directory())
    online = true
    sent = []
    unexpected = []
    const clock = new FakeClock()
    const signIn = new SignIn({ send: (_, message) => void sent.push(message) }, clock, randomBytes)
    const requests = new SignInRequests(signIn, () => online, randomBytes)
    const sessions = new Sessions(new SqliteSessionStore(database), clock, randomBytes)
    const tokens = new PersonalTokens(new SqlitePersonalTokenStore(database), clock, randomBytes, { has: () => false })
    const visitors = new Visitors(sessions, tokens, { publicUrl: ORIGIN, trustProxy: [], secret: randomBytes(32) })
    const domains = new Domains(['bücher.example'])
    const app = createApplication({
      view: null as never,
      clock,
      batchLimit: 1,
      turns: null as never,
      routes: [
        (router) => signInRoutes(router, { requests, signIn, visitors, domains }),
        (router) => sessionRoutes(router, { sessions, visitors }),
        (router) => tokenRoutes(router, { tokens, visitors }),
      ],
      pages: NO_PAGES,
      failed: (error) => unexpected.push(error),
    })
    const server = app.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    close = () => void server.close()
    browser = new ApiClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { Origin: ORIGIN })
  })
  afterEach(() => {
    close()
    database.close()
    assert.deepEqual(unexpected, [])
  })

  const begin = (jid: unknown) => browser.ask('POST', '/api/sign-in', { jid })

  it('says 503 while the XMPP server cannot be reached', async () => {
    online = false
    const { status, json, headers } = await begin('alice@h')
    assert.deepEqual([status, json.errno, headers.get('retry-after')], [503, 152, '30'])
    assert.deepEqual([browser.cookies.size, sent], [0, []])
  })

  it('says what is wrong with what it is asked', async () => {
    for (const [jid, errno] of [
      [undefined, 101],
      [7, 101],
      [['alice@h'], 101],
      ['alice', 102],
      ['x'.repeat(20_000), 103],
    ] as const) {
      assert.equal((await begin(jid)).json.errno, errno)
    }
    for (const [body, errno] of [
      [null, 101],
      ['text', 101],
      [[], 101],
    ] as const) {
      assert.equal((await browser.ask('POST', '/api/sign-in', body)).json.errno, errno, JSON.stringify(body))
    }
    const { json } = (await begin('alice@h')) ?? assert.fail()
    assert.equal((await browser.ask('POST', `/api/sign-in/${json.id}`, { code: 123456 })).json.errno, 101)
    assert.equal((await browser.ask('POST', '/api/sign-in/sgn_other', {})).json.errno, 130)
    assert.equal((await browser.ask('POST', `/api/sign-in/${json.id}`)).json.errno, 100)
  })

  it('writes JIDs as the server does', async () => {
    const { json } = await begin('alice@Bücher.example')
    const answer = await browser.ask('POST', `/api/sign-in/${json.id}`, { code: sent[0]?.code })
    assert.deepEqual(answer.json, { result: 'OK', jid: 'alice@bücher.example' })
    assert.match([...browser.cookies.keys()].join(), /^__Host-session$/)
  })

  it('is stored nowhere and shared with nobody, whatever the answer', async () => {
    for (const [method, path] of [
      ['POST', '/api/sign-in'],
      ['GET', '/api/tokens'],
      ['PUT', '/api/tokens'],
      ['GET', '/api/nothing'],
      ['OPTIONS', '/api/sign-in'],
    ] as const) {
      const { headers, text } = await browser.ask(method, path)
      assert.equal(headers.get('cache-control'), 'no-store', text)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('access-control-allow-origin'), null)
    }
  })

  it('is at one spelling of each path', async () => {
    const { json } = await begin('alice@h')
    await browser.ask('POST', `/api/sign-in/${json.id}`, { code: sent[0]?.code })
    assert.equal((await browser.ask('GET', '/api/tokens')).status, 200)
    for (const path of [
      '/API/tokens',
      '/api/Tokens',
      '/api/tokens/',
      '/API/tokens/',
      '//api/tokens',
      '/%61pi/tokens',
    ]) {
      assert.equal((await browser.ask('GET', path)).status, 404, path)
    }
  })

  it('says with each 401 how one signs in (RFC 9110 §15.5.2)', async () => {
    const tried: Record<string, string>[] = [{}, { Authorization: 'Bearer tok_x' }, { Authorization: 'Basic eDp5' }]
    for (const headers of tried) {
      const answer = await browser.ask('GET', '/api/me/sessions', undefined, headers)
      assert.deepEqual([answer.status, answer.headers.get('WWW-Authenticate')], [401, 'Bearer'])
    }
  })

  it('says 507 where a session or its end cannot be stored, and signs nobody in or out', async () => {
    const { json } = await begin('alice@h')
    database.pragma('query_only = ON')
    const answer = await browser.ask('POST', `/api/sign-in/${json.id}`, { code: sent[0]?.code })
    assert.deepEqual([answer.status, answer.json.errno], [507, 151])
    assert.equal((await browser.ask('GET', '/api/me/sessions')).status, 401)
    database.pragma('query_only = OFF')
    const again = (await begin('alice@h')).json
    await browser.ask('POST', `/api/sign-in/${again.id}`, { code: sent[1]?.code })
    database.pragma('query_only = ON')
    for (const [method, path] of [
      ['DELETE', '/api/me/sessions'],
      ['POST', '/api/sign-out'],
      ['POST', '/api/tokens'],
    ] as const) {
      assert.equal((await browser.ask(method, path, { name: 'x' })).status, 507, path)
    }
    assert.equal((await browser.ask('GET', '/api/me/sessions')).json.sessions.length, 1)
  })

  it('says what is left to whoever may try no code any more', async () => {
    for (let n = 0; n < 10; n++) {
      const { json } = await begin(`u${n}@h`)
      const wrong = sent.at(-1)?.code === '000000' ? '000001' : '000000'
      for (let i = 0; i < 5; i++) await browser.ask('POST', `/api/sign-in/${json.id}`, { code: wrong })
    }
    const { json } = await begin('alice@h')
    const { status, json: said } = await browser.ask('POST', `/api/sign-in/${json.id}`, { code: sent.at(-1)?.code })
    assert.deepEqual([status, said.errno], [429, 140])
    assert.match(said.error, /use the link/)
    assert.equal((await browser.ask('POST', `/api/sign-in/${json.id}`, {})).status, 202)
  })

  it('gives fifty tokens and no more', async () => {
    const { json } = await begin('alice@h')
    await browser.ask('POST', `/api/sign-in/${json.id}`, { code: sent[0]?.code })
    for (let i = 0; i < 50; i++) assert.equal((await browser.ask('POST', '/api/tokens', { name: `${i}` })).status, 200)
    const { status, json: refused } = await browser.ask('POST', '/api/tokens', { name: 'more' })
    assert.deepEqual([status, refused.errno], [413, 104])
  })
})
