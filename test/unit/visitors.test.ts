import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { PersonalTokens } from '../../src/accounts/personal-tokens.js'
import { Sessions } from '../../src/accounts/sessions.js'
import { HttpFault } from '../../src/http/fault.js'
import { readForm } from '../../src/http/read-body.js'
import { Visitors } from '../../src/http/visitors.js'
import type { BareJid } from '../../src/presence/jid.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid } from './users.js'

const ORIGIN = 'https://presence.example.org'
const ALICE = jid('alice@h')
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

describe('Visitors', () => {
  const directory = temporaryDirectory()
  let database: Database
  let sessions: Sessions
  let tokens: PersonalTokens
  let clock: FakeClock
  let close: () => void
  let url: string
  let deleted: BareJid | undefined

  beforeEach(async () => {
    database = openDatabase(directory())
    clock = new FakeClock()
    sessions = new Sessions(new SqliteSessionStore(database), clock, randomBytes)
    tokens = new PersonalTokens(new SqlitePersonalTokenStore(database), clock, randomBytes, {
      has: (user) => user === deleted,
    })
    await open(`${ORIGIN}/here`)
  })
  afterEach(() => {
    close()
    database.close()
  })

  async function open(publicUrl: string): Promise<void> {
    close?.()
    const visitors = new Visitors(sessions, tokens, {
      publicUrl,
      trustProxy: ['127.0.0.0/8'],
      secret: Buffer.alloc(32, 1),
    })
    const app = new Koa()
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        if (!(error instanceof HttpFault)) throw error
        ctx.status = error.status
        ctx.body = { errno: error.errno, error: error.message }
      }
    })
    const router = new Router()
    router.post('/in/:user', async (ctx) => {
      await visitors.signIn(ctx, jid(ctx.params.user ?? ''))
      ctx.body = {}
    })
    router.post('/out', async (ctx) => {
      await visitors.signOut(ctx)
      ctx.body = {}
    })
    router.get('/who', async (ctx) => {
      ctx.body = { visitor: await visitors.visitor(ctx) }
    })
    router.post('/form', async (ctx) => {
      const visitor = await visitors.visitor(ctx)
      if (visitor) await visitors.checkForm(ctx, visitor, await readForm(ctx))
      else visitors.checkOrigin(ctx)
      ctx.body = {}
    })
    router.all('/api', async (ctx) => {
      // Looked for again once the body is there, as all routes with one do.
      ctx.body = { user: await visitors.apiUser(ctx), sent: await visitors.sent(ctx, Promise.resolve('')) }
    })
    router.post('/begin', async (ctx) => {
      visitors.beginSignIn(ctx, 'secret')
      ctx.body = {}
    })
    router.get('/secret', async (ctx) => {
      ctx.body = { secret: visitors.signInSecret(ctx) }
    })
    app.use(router.routes())
    const server = app.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    close = () => void server.close()
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    form?: Record<string, string>,
  ) {
    const body = form && new URLSearchParams(form)
    const response = await fetch(url + path, { method, headers, ...(body && { body }) })
    const { errno, error, ...rest } = (await response.json()) as Record<string, unknown>
    return { status: response.status, errno, error, ...rest, cookies: response.headers.getSetCookie() }
  }

  async function signIn(headers: Record<string, string> = {}): Promise<string> {
    const { cookies } = await ask('POST', `/in/${ALICE}`, { 'User-Agent': FIREFOX, ...headers })
    return cookies[0]?.split(';')[0] ?? ''
  }

  // biome-ignore lint/suspicious/noExplicitAny: it is whatever came as JSON.
  const visitor = async (Cookie: string): Promise<any> => ((await ask('GET', '/who', { Cookie })) as any).visitor

  it('are known again by a cookie that only this host gets, and no script', async () => {
    const { cookies } = await ask('POST', `/in/${ALICE}`, { 'User-Agent': FIREFOX, 'X-Forwarded-For': '192.0.2.7' })
    const [session = ''] = cookies
    assert.match(session, /^__Host-session=[\w-]{43}; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/)
    const { user, session: known } = await visitor(session.split(';')[0] ?? '')
    assert.equal(user, ALICE)
    assert.deepEqual([known.browser, known.address], ['Firefox on Linux', '192.0.2.7'])
  })

  it('have a cookie of another name where there is no TLS', async () => {
    await open('http://localhost:8080')
    const { cookies } = await ask('POST', `/in/${ALICE}`)
    assert.match(cookies[0] ?? '', /^session=[\w-]{43}; path=\/; expires=[^;]+; samesite=lax; httponly$/)
  })

  it('are nobody without it, or with another', async () => {
    const cookie = await signIn()
    const { session } = await visitor(cookie)
    for (const other of ['', 'a=b', '__Host-session=', `__Host-session=${session.id}`, cookie.slice(7), `${cookie}A`]) {
      assert.equal(await visitor(other), null, other)
    }
  })

  it('are nobody any more after signing out, though the cookie was stolen', async () => {
    const cookie = await signIn()
    const { cookies } = await ask('POST', '/out', { Cookie: cookie })
    assert.match(cookies[0] ?? '', /^__Host-session=; path=\/; expires=Thu, 01 Jan 1970 00:00:00 GMT;/)
    assert.equal(await visitor(cookie), null)
  })

  it('leave no old session behind when they sign in again in the same browser', async () => {
    const first = await signIn()
    const second = await signIn({ Cookie: first })
    assert.equal(await visitor(first), null)
    assert.equal((await visitor(second)).user, ALICE)
  })

  it('send forms from our own pages only', async () => {
    for (const [headers, status] of [
      [{ Origin: ORIGIN }, 200],
      [{ 'Sec-Fetch-Site': 'same-origin' }, 200],
      [{}, 403],
      [{ 'Sec-Fetch-Site': 'same-site' }, 403],
      [{ 'Sec-Fetch-Site': 'none' }, 403],
      [{ Origin: 'null' }, 403],
      [{ Origin: 'null', 'Sec-Fetch-Site': 'same-origin' }, 403],
      [{ Origin: 'http://presence.example.org' }, 403],
      [{ Origin: `${ORIGIN}:444` }, 403],
      [{ Origin: `${ORIGIN}.evil.example` }, 403],
      [{ Origin: 'https://evil.presence.example.org', 'Sec-Fetch-Site': 'same-origin' }, 403],
      [{ Origin: ORIGIN.toUpperCase() }, 403],
    ] as const) {
      const answer = await ask('POST', '/form', headers)
      assert.equal(answer.status, status, JSON.stringify(headers))
      if (status === 403) assert.equal(answer.errno, 121)
      if (status === 403) assert.match(String(answer.error), /https:\/\/presence\.example\.org\/here/)
    }
  })

  it('send forms of their own session only', async () => {
    const [mine, other] = [await signIn(), await signIn()]
    const { csrf } = await visitor(mine)
    const from = { Cookie: mine, Origin: ORIGIN }
    assert.equal((await ask('POST', '/form', from, { csrf })).status, 200)
    const { csrf: otherCsrf } = await visitor(other)
    for (const fields of [
      {},
      { csrf: '' },
      { csrf: otherCsrf },
      { csrf: csrf.slice(1) },
      { csrf: `${csrf}x` },
      { csrf: 'ü' },
    ]) {
      const answer = await ask('POST', '/form', from, { ...fields, more: 'x' })
      assert.deepEqual([answer.status, answer.errno], [403, 121], JSON.stringify(fields))
    }
    assert.equal((await ask('POST', '/form', { Cookie: mine }, { csrf })).status, 403)
  })

  it('use the API with their session: writing, from our own pages only', async () => {
    const Cookie = await signIn()
    assert.equal((await ask('GET', '/api', { Cookie })).status, 200)
    assert.equal((await ask('GET', '/api', { Cookie, Origin: 'https://evil.example' })).status, 200)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      assert.equal((await ask(method, '/api', { Cookie, Origin: ORIGIN })).status, 200)
      assert.deepEqual((await ask(method, '/api', { Cookie })).errno, 121)
      assert.deepEqual((await ask(method, '/api', { Cookie, Origin: 'https://evil.example' })).errno, 121)
    }
    const { status, errno } = await ask('GET', '/api')
    assert.deepEqual([status, errno], [401, 110])
  })

  it('use the API with a personal token from anywhere, until it is removed', async () => {
    const made = await tokens.create(ALICE, 'script')
    assert(made)
    assert.ok(made.token.startsWith(made.id) && made.token.length === 63)
    for (const scheme of ['Bearer', 'bearer', 'Bearer ']) {
      const answer = await ask('POST', '/api', { Authorization: `${scheme} ${made.token}` })
      assert.deepEqual([answer.status, 'user' in answer && answer.user], [200, ALICE])
    }
    const Cookie = await signIn()
    for (const bad of [made.id, `${made.token}x`, '', 'tok_', 'ü']) {
      const answer = await ask('GET', '/api', { Authorization: `Bearer ${encodeURI(bad)}`, Cookie })
      assert.deepEqual([answer.status, answer.errno], [401, 112], bad)
    }
    // What a web server in front asks for is not for us.
    const password = { Authorization: `Basic ${btoa(`alice:${made.token}`)}` }
    assert.equal((await ask('GET', '/api', password)).errno, 110)
    assert.equal((await ask('GET', '/api', { ...password, Cookie })).status, 200)
    await tokens.remove(ALICE, made.id)
    assert.equal((await ask('GET', '/api', { Authorization: `Bearer ${made.token}` })).errno, 112)
  })

  it('change something 120 times a minute, by whichever way they do so; who writes less is not held up', async () => {
    const made = await tokens.create(ALICE, 'script')
    assert(made)
    const Cookie = await signIn()
    const { csrf } = await visitor(Cookie)
    const ways = [
      () => ask('DELETE', '/api', { Authorization: `Bearer ${made.token}` }),
      () => ask('PUT', '/api', { Cookie, Origin: ORIGIN }),
      () => ask('POST', '/form', { Cookie, Origin: ORIGIN }, { csrf }),
    ]
    for (let n = 0; n < 40; n++) for (const way of ways) assert.equal((await way()).status, 200)
    for (const way of ways) {
      const { status, errno } = await way()
      assert.deepEqual([status, errno], [429, 140])
    }
    const refused = await fetch(`${url}/api`, { method: 'POST', headers: { Cookie, Origin: ORIGIN } })
    const seconds = Number(refused.headers.get('Retry-After'))
    assert(seconds >= 1 && seconds <= 60, `${seconds}`)
    assert.equal((await ask('GET', '/api', { Cookie })).status, 200)
    const bob = await tokens.create(jid('bob@h'), 'script')
    assert.equal((await ask('POST', '/api', { Authorization: `Bearer ${bob?.token}` })).status, 200)
  })

  it('have no token that was made while their account was deleted', async () => {
    deleted = jid('gone@h')
    assert.equal(await tokens.create(deleted, 'late'), null)
    assert.deepEqual(await tokens.ofUser(deleted), [])
  })

  it('have at most fifty tokens', async () => {
    for (let i = 0; i < 50; i++) assert(await tokens.create(ALICE, `script ${i}`))
    assert.equal(await tokens.create(ALICE, 'one more'), null)
    assert(await tokens.create(jid('bob@h'), 'first'))
  })

  it('keep what binds a sign-in to their browser until they are signed in', async () => {
    const { cookies } = await ask('POST', '/begin')
    assert.match(cookies[0] ?? '', /^__Host-sign-in=secret; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/)
    const answer = await ask('GET', '/secret', { Cookie: '__Host-sign-in=secret' })
    assert.equal('secret' in answer && answer.secret, 'secret')
    const none = await ask('GET', '/secret')
    assert.equal('secret' in none && none.secret, '')
    assert.match(
      (await ask('POST', `/in/${ALICE}`)).cookies[1] ?? '',
      /^__Host-sign-in=; path=\/; expires=Thu, 01 Jan 1970/,
    )
  })
})
