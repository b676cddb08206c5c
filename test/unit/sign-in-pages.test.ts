import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { PersonalTokens } from '../../src/accounts/personal-tokens.js'
import { Sessions } from '../../src/accounts/sessions.js'
import { SignIn, type SignInMessage } from '../../src/accounts/sign-in.js'
import { SignInRequests } from '../../src/accounts/sign-in-requests.js'
import { createApplication } from '../../src/http/application.js'
import { Pages, type PagesParts } from '../../src/http/pages/pages.js'
import { Visitors } from '../../src/http/visitors.js'
import { Domains } from '../../src/presence/domains.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid } from './users.js'

const ORIGIN = 'https://presence.example.org'

describe('The pages for signing in', () => {
  const directory = temporaryDirectory()
  let database: Database
  let sent: SignInMessage[]
  let sessions: Sessions
  let visitors: Visitors
  let url: string
  let close: () => void

  beforeEach(async () => {
    database = openDatabase(directory())
    sent = []
    const clock = new FakeClock()
    const signIn = new SignIn({ send: (_, message) => void sent.push(message) }, clock, randomBytes)
    sessions = new Sessions(new SqliteSessionStore(database), clock, randomBytes)
    const tokens = new PersonalTokens(new SqlitePersonalTokenStore(database), clock, randomBytes, { has: () => false })
    visitors = new Visitors(sessions, tokens, { publicUrl: ORIGIN, trustProxy: [], secret: randomBytes(32) })
    const pages = new Pages({
      publicUrl: ORIGIN,
      visitors,
      signIn,
      signInRequests: new SignInRequests(signIn, () => true, randomBytes),
      address: (user: string) => user.replace('xn--bcher-kva.example', 'BÜCHER.example'),
      domains: new Domains(['example.org']),
    } as unknown as PagesParts)
    const app = createApplication({
      routes: [],
      pages,
      failed: (error: unknown) => assert.fail(String(error)),
    } as never)
    // Whose session it is, and what its forms hold.
    app.use(async (ctx) => {
      ctx.body = { csrf: (await visitors.visitor(ctx))?.csrf }
    })
    const server = app.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    close = () => void server.close()
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => {
    close()
    database.close()
  })

  async function ask(path: string, Cookie: string, form?: Record<string, string>) {
    const headers = { Cookie, Origin: ORIGIN, Accept: 'text/html' }
    const body = form && new URLSearchParams(form)
    const method = form ? 'POST' : 'GET'
    const answer = await fetch(url + path, { redirect: 'manual', headers, method, ...(body && { body }) })
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return { status: answer.status, location: answer.headers.get('location') ?? '', cookie, text: await answer.text() }
  }

  it('name who signs in as typed, in normal form: not as a roster has her', async () => {
    const begun = await ask('/sign-in', '', { jid: 'Alice@Bücher.example' })
    const page = await ask(begun.location, begun.cookie)
    assert.match(page.text, /alice@xn--bcher-kva\.example/)
    assert.doesNotMatch(page.text, /BÜCHER/)
  })

  it('say what is left to whoever may try no code any more', async () => {
    const begin = (n: number) => ask('/sign-in', '', { jid: `u${n}@h` })
    for (let n = 0; n < 10; n++) {
      const { location, cookie } = await begin(n)
      const code = sent.at(-1)?.code === '000000' ? '000001' : '000000'
      for (let i = 0; i < 5; i++) await ask(location, cookie, { code })
    }
    const { location, cookie } = await begin(10)
    const refused = await ask(location, cookie, { code: sent.at(-1)?.code ?? '' })
    assert.equal(refused.status, 429)
    assert.match(refused.text, /Use the link of the message, or confirm in your XMPP client/)
  })

  it('lead on, after signing out, to where it says, if that is here', async () => {
    for (const [path, location] of [
      ['/sign-out', '/'],
      [`/sign-out?next=${encodeURIComponent('/app_x/grant?redirect=https%3A%2F%2Fa.example')}`, undefined],
      ['/sign-out?next=//evil.example', '/account'],
    ] as const) {
      const session = await sessions.begin(jid('alice@h'), { browser: '', address: '' })
      const cookie = `__Host-session=${session}`
      const { csrf } = JSON.parse((await ask('/who', cookie)).text)
      const answer = await ask(path, cookie, { csrf })
      const to = location ?? '/app_x/grant?redirect=https%3A%2F%2Fa.example'
      assert.deepEqual([answer.status, answer.location], [303, to])
    }
  })
})
