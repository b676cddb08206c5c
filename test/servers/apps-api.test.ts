import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { AppSite } from '../support/app-site.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { signedIn } from '../support/signed-in.js'

const PNG = Buffer.from('\x89PNG\r\n\x1a\nand so on', 'latin1')
const NOT_THERE = { result: 'KO', errno: 130, error: 'there is no such app, or it is not yours' }
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** A process of its own; it needs no XMPP server for this. */
describe('Applications by API', function () {
  this.timeout(30_000)
  let gateway: GatewayProcess
  let site: AppSite
  let publicUrl: string
  let alice: { session: string; token: string }
  let bob: { session: string; token: string }
  /** What must stand nowhere in clear. */
  const secrets: string[] = []
  let log = ''

  before(async () => {
    site = await AppSite.start()
    const [port = 0, nobodysPort = 0] = await freePorts(2)
    publicUrl = `http://localhost:${port}`
    gateway = await GatewayProcess.prepare({
      config: {
        http: { port, publicUrl },
        xmpp: { secret: 'x', service: `xmpp://127.0.0.1:${nobodysPort}` },
        outbound: { allowPrivate: ['127.0.0.0/8'] },
      },
    })
    alice = await signedIn(gateway, 'alice@localhost')
    bob = await signedIn(gateway, 'bob@localhost')
    secrets.push(alice.session, alice.token, bob.session, bob.token)
    await gateway.start()
  })
  after(async () => {
    await gateway?.stop()
    await site?.stop()
  })

  async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = asAlice()) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await fetch(gateway.url + path, { method, headers, ...(body !== undefined && { body: text }) })
    // biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
    return { status: response.status, headers: response.headers, json: (await response.json()) as any }
  }
  const asAlice = () => ({ Authorization: `Bearer ${alice.token}` })
  const asBob = () => ({ Authorization: `Bearer ${bob.token}` })

  async function register(said: object = {}) {
    const { status, json } = await ask('POST', '/api/apps', {
      domain: site.domain,
      name: 'X',
      description: 'Y',
      ...said,
    })
    assert.equal(status, 200, JSON.stringify(json))
    return json
  }
  async function activated() {
    const app = await register()
    site.files.set('/__presence', app.proof.key)
    assert.equal((await ask('POST', `/api/apps/${app.appid}/verify`)).status, 200)
    const { json } = await ask('POST', `/api/apps/${app.appid}/activate`)
    secrets.push(json.key)
    return { appid: app.appid as string, key: json.key as string, stream: json.stream as string }
  }

  it('are refused in words, where a field is missing or its domain is none', async () => {
    const refused = async (body: object) => (await ask('POST', '/api/apps', body)).json
    assert.deepEqual(await refused({ name: 'X' }), { result: 'KO', errno: 101, error: 'domain: is missing' })
    const { error } = await refused({ domain: 'app.example.org:3000', name: 'X', description: 'Y' })
    assert.match(error, /^domain: "app.example.org:3000" must be a public host name without a port/)
  })

  it('are registered, proven, activated, rotated, deactivated and deleted', async () => {
    site.files.set('/manifest.json', '{"name":"From the manifest"}')
    const app = await register({ name: undefined })
    assert.match(app.appid, /^app_[\w-]{24}$/)
    assert.match(app.createdAt, RFC3339)
    assert.match(app.proof.key, /^[\w-]{1024}$/)
    const { appid, createdAt, proof } = app
    const printed = {
      appid,
      proof: { url: `http://${site.domain}/__presence`, key: proof.key },
      name: 'From the manifest',
      domain: site.domain,
      description: 'Y',
      scope: ['status'],
      hosts: [],
      members: ['alice@localhost'],
      active: false,
      verifiedAt: null,
      createdAt,
      webhook: null,
      webhookState: null,
    }
    assert.deepEqual(app, printed)
    assert.deepEqual((await ask('GET', `/api/apps/${appid}`)).json, printed)
    const { json: list, headers } = await ask('GET', '/api/apps')
    assert.deepEqual(list.apps.at(-1), printed)
    assert.equal(headers.get('cache-control'), 'no-store')

    site.files.delete('/__presence')
    const unproven = await ask('POST', `/api/apps/${appid}/verify`)
    const found = `http://${site.domain}/__presence: it answers 404, not 200`
    assert.deepEqual([unproven.status, unproven.json], [409, { result: 'KO', errno: 131, error: found }])
    assert.equal((await ask('POST', `/api/apps/${appid}/activate`)).json.errno, 131)
    site.files.set('/__presence', `${proof.key}\n`)
    const proven = await ask('POST', `/api/apps/${appid}/verify`)
    assert.match(proven.json.verifiedAt, RFC3339)
    assert.deepEqual({ ...proven.json, verifiedAt: null }, printed)

    const { json: first } = await ask('POST', `/api/apps/${appid}/activate`)
    assert.deepEqual(Object.keys(first), ['key', 'stream'])
    assert.match(first.key, /^[\w-]{1024}$/)
    assert.equal(first.stream, `${publicUrl.replace('http', 'ws')}/${appid}`)
    const { json: second } = await ask('POST', `/api/apps/${appid}/rotate`)
    assert.match(second.key, /^[\w-]{1024}$/)
    assert.notEqual(second.key, first.key)
    secrets.push(first.key, second.key)
    assert.equal((await ask('POST', `/api/apps/${appid}/activate`)).status, 409)
    const paused = await ask('POST', `/api/apps/${appid}/deactivate`)
    assert.deepEqual([paused.status, paused.json.active], [200, false])
    assert.deepEqual((await ask('DELETE', `/api/apps/${appid}`)).json, { result: 'OK' })
    const gone = await ask('GET', `/api/apps/${appid}`)
    assert.deepEqual([gone.status, gone.json], [404, NOT_THERE])
  })

  it('are changed by their members', async () => {
    const { appid } = await register({ domain: 'example.org' })
    const { json } = await ask('PATCH', `/api/apps/${appid}`, { name: 'New', hosts: ['App.example.org'] })
    assert.deepEqual([json.name, json.description, json.hosts], ['New', 'Y', ['app.example.org']])
    const path = `/api/apps/${appid}/members`
    assert.deepEqual((await ask('POST', path, { jid: 'Bob@localhost' })).json.members, [
      'alice@localhost',
      'bob@localhost',
    ])
    assert.deepEqual((await ask('GET', path, undefined, asBob())).json.members.length, 2)
    assert.equal((await ask('POST', path, { jid: 'no jid' })).json.errno, 102)
    assert.deepEqual((await ask('DELETE', `${path}/alice%40localhost`, undefined, asBob())).json, { result: 'OK' })
    assert.deepEqual((await ask('GET', path)).json, NOT_THERE)
    assert.equal((await ask('DELETE', `${path}/bob@localhost`, undefined, asBob())).json.errno, 131)
    assert.equal((await ask('DELETE', `${path}/carol@localhost`, undefined, asBob())).json.errno, 130)
  })

  it('have a webhook whose secret stays until it is rotated', async () => {
    const { appid } = await register()
    const path = `/api/apps/${appid}/webhook`
    const { json: first } = await ask('PUT', path, { url: 'http://127.0.0.1:9000/hook' })
    assert.match(first.secret, /^whsec_/)
    assert.deepEqual((await ask('PUT', path, { url: 'https://127.0.0.1:9000/hook' })).json, first)
    const { json: second } = await ask('POST', `${path}/rotate`)
    assert.notEqual(second.secret, first.secret)
    secrets.push(first.secret, second.secret)
    assert.equal((await ask('GET', `/api/apps/${appid}`)).json.webhook, 'https://127.0.0.1:9000/hook')
    assert.deepEqual((await ask('PUT', path, { url: 'https://10.0.0.1/hook' })).json, {
      result: 'KO',
      errno: 101,
      error: 'url: there is no such host on the public internet',
    })
    assert.deepEqual((await ask('DELETE', path)).json, { result: 'OK' })
    assert.equal((await ask('POST', `${path}/rotate`)).status, 409)
  })

  it('are as good as none for whoever is no member', async () => {
    const { appid } = await activated()
    for (const [method, suffix, body] of [
      ['GET', ''],
      ['PATCH', '', { name: 'Mine' }],
      ['PATCH', '', 'no JSON'],
      ['DELETE', ''],
      ['POST', '/verify'],
      ['POST', '/activate'],
      ['POST', '/deactivate'],
      ['POST', '/rotate'],
      ['GET', '/members'],
      ['POST', '/members', { jid: 'bob@localhost' }],
      ['DELETE', '/members/alice@localhost'],
      ['PUT', '/webhook', { url: 'https://example.org/' }],
      ['DELETE', '/webhook'],
      ['POST', '/webhook/rotate'],
    ] as const) {
      const answers = []
      for (const id of [appid, 'app_none', `app_${'x'.repeat(24)}`]) {
        const { status, json, headers } = await ask(method, `/api/apps/${id}${suffix}`, body, asBob())
        answers.push({ status, json, headers: [...headers].filter(([name]) => name !== 'date') })
      }
      assert.deepEqual(answers[0]?.json, NOT_THERE, `${method} ${suffix}`)
      assert.deepEqual(answers[0], answers[1])
      assert.deepEqual(answers[0], answers[2])
    }
    assert.equal((await ask('GET', `/api/apps/${appid}`)).json.active, true)
  })

  it('are for whoever is signed in: by token, or by session from our own pages', async () => {
    for (const [headers, method, expected] of [
      [{}, 'GET', 110],
      [{ Authorization: 'Bearer tok_x' }, 'GET', 112],
      [{ Cookie: `session=${alice.session}x` }, 'GET', 110],
      [{ Cookie: `session=${alice.session}` }, 'POST', 121],
      [{ Cookie: `session=${alice.session}`, Origin: 'https://evil.example' }, 'POST', 121],
      [{ Cookie: `session=${alice.session}`, Origin: publicUrl }, 'POST', 200],
      [{ Cookie: `session=${alice.session}` }, 'GET', 200],
    ] as [Record<string, string>, string, number][]) {
      const body = method === 'POST' ? { domain: 'example.org', name: 'x', description: 'y' } : undefined
      const { status, json } = await ask(method, '/api/apps', body, headers)
      assert.equal(json.errno ?? status, expected, JSON.stringify(headers))
    }
  })

  it('say which field is wrong', async () => {
    const { appid } = await register()
    for (const [method, path, body, errno, error] of [
      ['POST', '', 'no JSON', 100, /not JSON/],
      ['POST', '', [], 101, /expected object/],
      ['POST', '', {}, 101, /^domain: /],
      ['POST', '', { domain: 1 }, 101, /^domain: /],
      ['POST', '', { domain: 'http://example.org' }, 101, /^domain: /],
      ['POST', '', { domain: 'example.org', name: 'x'.repeat(101) }, 101, /^name: /],
      ['POST', '', { domain: 'example.org', name: null }, 101, /^name: /],
      ['POST', '', { domain: 'example.org', colour: 'red' }, 101, /colour/],
      ['PATCH', `/${appid}`, { hosts: 'a' }, 101, /^hosts: /],
      ['PATCH', `/${appid}`, { hosts: [1] }, 101, /^hosts\.0: /],
      ['PATCH', `/${appid}`, { domain: 'example.org' }, 101, /domain/],
      ['POST', `/${appid}/members`, {}, 101, /^jid: /],
      ['PUT', `/${appid}/webhook`, { url: 'x' }, 101, /^url: /],
      ['POST', '', 'x'.repeat(100_000), 103, /too large/],
    ] as const) {
      const { status, json } = await ask(method, `/api/apps${path}`, body)
      assert.deepEqual([status, json.errno], [errno === 103 ? 413 : 400, errno], JSON.stringify(json))
      assert.match(json.error, error)
    }
  })

  it('show their icon to anybody, as nothing but an image', async () => {
    site.files.set('/manifest.json', '{"icons":[{"src":"icon.png"}]}').set('/icon.png', PNG)
    const { appid } = await activated()
    const response = await fetch(`${gateway.url}/${appid}/icon`)
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), PNG)
    const etag = response.headers.get('etag') ?? ''
    const headers = ['content-type', 'content-security-policy', 'x-content-type-options', 'cache-control']
    assert.deepEqual(
      headers.map((name) => response.headers.get(name)),
      ['image/png', "default-src 'none'; sandbox", 'nosniff', 'public, max-age=86400'],
    )
    // Node's own fetch asks for a fresh one then.
    const again = await request(`${gateway.url}/${appid}/icon`, { headers: { 'If-None-Match': etag } })
    assert.deepEqual([again.statusCode, await again.body.text()], [304, ''])
    assert.equal((await fetch(`${gateway.url}/app_none/icon`)).status, 404)
  })

  it('are tried 30 times in ten minutes, then answered 429', async () => {
    const { appid } = (await ask('POST', '/api/apps', { domain: site.domain, name: 'X', description: 'Y' }, asBob()))
      .json
    const errnos = []
    for (let n = 0; n < 31; n++)
      errnos.push((await ask('POST', `/api/apps/${appid}/verify`, undefined, asBob())).json.errno)
    assert.deepEqual(errnos.slice(-2), [140, 140])
    assert(errnos.slice(0, 29).every((errno) => errno === 131))
  })

  it('are there after kill -9, with the same proof', async () => {
    const { appid } = await activated()
    const before = (await ask('GET', `/api/apps/${appid}`)).json
    log += gateway.output
    await gateway.kill9()
    await gateway.start()
    assert.deepEqual((await ask('GET', `/api/apps/${appid}`)).json, before)
    secrets.push(before.proof.key)
  })

  it('leave nothing in clear that signs in or is signed with, neither in the database nor in the log', async () => {
    await gateway.shutDown()
    log += gateway.output
    const data = join(gateway.directory, 'data')
    const raw = [
      Buffer.from(log),
      ...readdirSync(data, { withFileTypes: true })
        .filter((file) => file.isFile())
        .map(({ name }) => readFileSync(join(data, name))),
    ]
    assert(raw.some((bytes) => bytes.includes('alice@localhost')))
    assert(secrets.length >= 10 && secrets.every((text) => text.length >= 40))
    for (const text of secrets) {
      // Of a token, its name is no secret.
      const secret = text.startsWith('tok_') ? text.slice(20) : text
      for (const bytes of raw) assert(!bytes.includes(secret.slice(0, 40)), 'a secret in clear')
    }
    await gateway.start()
  })
})
