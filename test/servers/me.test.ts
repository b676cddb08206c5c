import assert from 'node:assert/strict'
import { createPublicKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import type { AppId } from '../../src/apps/app.js'
import { PresenceTokens } from '../../src/apps/presence-tokens.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { secret } from '../../src/storage/secrets.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { ApiClient } from '../support/api-client.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { signedIn } from '../support/signed-in.js'
import { anApp } from '../unit/an-app.js'
import { jid } from '../unit/users.js'

const ALICE = jid('alice@localhost')
const CHESS = `app_${'c'.repeat(24)}` as AppId
const RADIO = `app_${'r'.repeat(24)}` as AppId

/** A process of its own; it needs no XMPP server for this. */
describe('/api/me', function () {
  this.timeout(30_000)
  let gateway: GatewayProcess
  let publicUrl: string
  let session: string
  let script: ApiClient
  let browser: ApiClient
  let stranger: ApiClient

  before(async () => {
    const [port = 0] = await freePorts(1)
    publicUrl = `http://localhost:${port}`
    gateway = await GatewayProcess.prepare({
      config: {
        http: { port, publicUrl },
        xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:5' },
        signIn: { domains: 'any' },
      },
    })
    const alice = await signedIn(gateway, ALICE)
    script = new ApiClient(publicUrl, { Authorization: `Bearer ${alice.token}` })
    session = alice.session
    browser = new ApiClient(publicUrl, { Origin: publicUrl, Cookie: `session=${session}` })
    const { token } = await signedIn(gateway, 'stranger@elsewhere.example')
    stranger = new ApiClient(publicUrl, { Authorization: `Bearer ${token}` })
    const database = inDatabase()
    const apps = new SqliteAppStore(database)
    const grants = new SqliteGrantStore(database)
    for (const [appid, name] of [
      [CHESS, 'Chess'],
      [RADIO, 'Radio'],
    ] as const) {
      await apps.add(anApp({ appid, name, domain: `${name.toLowerCase()}.example`, verifiedAt: 1, active: true }))
      await grants.save({ user: ALICE, appid, uid: `UID-${name}`, scope: ['status'], paused: false, grantedAt: 1 })
    }
    database.close()
    await gateway.start()
  })
  after(() => gateway?.stop())

  const inDatabase = () => openDatabase(join(gateway.directory, 'data'))
  const me = async () => (await script.ask('GET', '/api/me')).json

  it('tells her how she is seen, and what she decided', async () => {
    const { status, json, headers } = await script.ask('GET', '/api/me')
    assert.equal(status, 200)
    assert.deepEqual(json, {
      jid: ALICE,
      publish: 'domain',
      publishes: 'none',
      status: {
        jid: ALICE,
        status: 'unknown',
        show: 'unknown',
        text: null,
        since: null,
        seconds: null,
        freshness: 'unknown',
      },
      hasLink: false,
    })
    assert.equal(headers.get('cache-control'), 'no-store')
  })

  it('takes her choice of what is published', async () => {
    for (const [publish, publishes] of [
      ['details', 'details'],
      ['status', 'status'],
      ['domain', 'none'],
    ]) {
      const { status, json } = await browser.ask('PUT', '/api/me', { publish })
      assert.deepEqual([status, json.publish, json.publishes], [200, publish, publishes])
      assert.equal((await me()).publish, publish)
      assert.equal((await gateway.status(ALICE)).status, publishes === 'none' ? 404 : 503)
    }
  })

  const bad: [string, string, unknown, number, number][] = [
    ['PUT', '/api/me', { publish: 'everything' }, 400, 101],
    ['PUT', '/api/me', { publish: 'none', more: 1 }, 400, 101],
    ['PUT', '/api/me', [], 400, 101],
    ['PATCH', `/api/me/grants/${CHESS}`, { paused: 'yes' }, 400, 101],
    ['PATCH', `/api/me/grants/${CHESS}`, { scope: 'everything' }, 400, 101],
    ['PATCH', `/api/me/grants/${CHESS}`, { scope: ['details'] }, 400, 101],
    ['PATCH', `/api/me/grants/app_${'x'.repeat(24)}`, { paused: true }, 404, 130],
    ['PATCH', '/api/me/grants/nonsense', { paused: true }, 404, 130],
    ['DELETE', '/api/me/grants/nonsense', undefined, 404, 130],
  ]
  for (const [method, path, body, status, errno] of bad) {
    it(`refuses ${method} ${path} with ${JSON.stringify(body)}`, async () => {
      const answer = await script.ask(method, path, body)
      assert.deepEqual([answer.status, answer.json.errno], [status, errno], answer.text)
    })
  }

  it('is for whoever is signed in, and writes from our own pages only', async () => {
    const nobody = new ApiClient(publicUrl)
    const elsewhere = new ApiClient(publicUrl, {
      Origin: 'https://evil.example',
      Cookie: `session=${session}`,
    })
    for (const [method, path] of [
      ['GET', '/api/me'],
      ['PUT', '/api/me'],
      ['DELETE', '/api/me'],
      ['GET', '/api/me/grants'],
      ['PATCH', `/api/me/grants/${CHESS}`],
      ['DELETE', `/api/me/grants/${CHESS}`],
      ['POST', '/api/me/link'],
      ['DELETE', '/api/me/link'],
    ] as const) {
      const body = method === 'PUT' || method === 'PATCH' ? {} : undefined
      assert.equal((await nobody.ask(method, path, body)).json.errno, 110, `${method} ${path}`)
      if (method !== 'GET') assert.equal((await elsewhere.ask(method, path, body)).json.errno, 121, `${method} ${path}`)
    }
  })

  it('lists whom she has let in, and pauses, narrows and revokes', async () => {
    const list = async () => (await script.ask('GET', '/api/me/grants')).json.grants
    const chess = {
      appid: CHESS,
      name: 'Chess',
      domain: 'chess.example',
      uid: 'UID-Chess',
      scope: 'status',
      paused: false,
      grantedAt: '1970-01-01T00:00:00.001Z',
    }
    assert.deepEqual((await list())[0], chess)
    const path = `/api/me/grants/${CHESS}`
    const changed = await browser.ask('PATCH', path, { paused: true, scope: 'details' })
    assert.deepEqual(changed.json, { ...chess, paused: true, scope: 'status details' })
    assert.deepEqual((await browser.ask('PATCH', path, { paused: false })).json, { ...chess, scope: 'status details' })
    assert.deepEqual((await browser.ask('DELETE', path)).json, { result: 'OK' })
    assert.equal((await browser.ask('DELETE', path)).status, 404)
    assert.deepEqual(
      (await list()).map(({ name }: { name: string }) => name),
      ['Radio'],
    )
    assert.deepEqual((await stranger.ask('GET', '/api/me/grants')).json, { grants: [] })
  })

  it('gives her a public link, a new one in place of the old, and takes it away', async () => {
    const first = (await script.ask('POST', '/api/me/link')).json.link
    assert.match(first, new RegExp(`^${publicUrl}/xmpp/status/~[\\w-]{22}$`))
    assert.equal((await me()).hasLink, true)
    // Nobody knows how she is, for there is no XMPP server.
    assert.equal((await fetch(first)).status, 503)
    const second = (await script.ask('POST', '/api/me/link')).json.link
    assert.deepEqual([(await fetch(first)).status, (await fetch(second)).status], [404, 503])
    await gateway.kill9()
    await gateway.start()
    assert.deepEqual([(await fetch(first)).status, (await fetch(second)).status], [404, 503])
    assert.deepEqual((await script.ask('DELETE', '/api/me/link')).json, { result: 'OK' })
    assert.equal((await fetch(second)).status, 404)
    assert.equal((await me()).hasLink, false)
    const none = await stranger.ask('POST', '/api/me/link')
    assert.deepEqual([none.status, none.json.errno], [409, 131])
  })

  it('publishes the key by which tokens are verified, by two libraries', async () => {
    const database = inDatabase()
    const tokens = new PresenceTokens(publicUrl, secret(database, 'presence tokens', randomBytes), systemClock)
    database.close()
    const token = await tokens.issue({ appid: CHESS, uid: 'UID1', state: 's' })
    const claims = { issuer: publicUrl, audience: CHESS }
    const url = new URL(`${decodeJwt(token).iss}/.well-known/jwks.json`)
    const { payload } = await jwtVerify(token, createRemoteJWKSet(url), claims)
    assert.deepEqual([payload.sub, payload.nonce], ['UID1', 's'])
    const response = await fetch(url)
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.equal(response.headers.get('cache-control'), 'public, max-age=3600')
    const { keys } = (await response.json()) as { keys: never[] }
    const key = createPublicKey({ key: keys[0] as never, format: 'jwk' })
    const verified = jsonwebtoken.verify(token, key, { ...claims, algorithms: ['ES256'] })
    assert.equal(verified.sub, 'UID1')
    await assert.rejects(jwtVerify(token, createRemoteJWKSet(url), { ...claims, audience: RADIO }))
    assert.throws(() => jsonwebtoken.verify(token, key, { ...claims, issuer: 'https://evil.example' }), /issuer/)
  })

  it('deletes everything, or nothing where it is killed', async () => {
    const deleting = browser.ask('DELETE', '/api/me').then(
      ({ status }) => status === 200,
      () => false,
    )
    await gateway.kill9()
    const isDone = await deleting
    await gateway.start()
    const isGone = (await script.ask('GET', '/api/me')).status === 401
    assert(isGone || !isDone)
    if (!isGone) assert.equal((await browser.ask('DELETE', '/api/me')).status, 200)
    await gateway.kill9()
    await gateway.start()
    for (const client of [script, browser]) assert.equal((await client.ask('GET', '/api/me/grants')).status, 401)
    const database = inDatabase()
    const hers = await new SqliteGrantStore(database).ofUser(ALICE)
    database.close()
    assert.deepEqual(hers, [])
  })
})
