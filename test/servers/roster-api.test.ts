import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'

const TOKEN = 'a-roster-token'
const COMPONENT = { 'presence.localhost': { name: 'Presence', groups: {} } }
const OK = { result: 'OK' }

describe('the roster API', function () {
  this.timeout(30_000)
  let gateway: GatewayProcess
  before(async () => {
    gateway = await startGateway({
      config: {
        // Nobody listens there: rosters are served all the same.
        xmpp: { service: 'xmpp://127.0.0.1:4', domain: 'presence.localhost', secret: 'x' },
        domains: {
          localhost: {},
          'second.example': {},
          'theirs.example': { roster: { upstream: 'http://127.0.0.1:1/%s' } },
        },
        roster: { tokens: ['another', TOKEN] },
      },
    })
  })
  after(() => gateway?.stop())

  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const response = await fetch(`${gateway.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers }
  }
  const roster = async (path: string) => (await call('GET', path)).body

  describe('without a token', () => {
    for (const [method, path] of [
      ['GET', '/roster/localhost/alice'],
      ['GET', '/contacts/alice'],
      ['GET', '/roster/localhost'],
      ['PUT', '/roster/localhost/alice'],
      ['PUT', '/roster/localhost/alice/contacts/bob@localhost'],
      ['PATCH', '/roster/localhost/alice/contacts/bob@localhost'],
      ['DELETE', '/roster/localhost/alice/contacts/bob@localhost'],
      ['POST', '/roster/localhost/friendships'],
      ['DELETE', '/roster/localhost/friendships'],
      ['POST', '/roster_admin/refresh'],
      ['GET', '/roster_admin/refresh/alice'],
      ['GET', '/roster_admin/localhost/refresh/alice'],
    ] as const) {
      it(`${method} ${path} is refused, and says which are taken`, async () => {
        for (const Authorization of [
          '',
          'Bearer',
          'Bearer wrong',
          'Basic !',
          `Basic ${btoa(TOKEN)}`,
          `Basic ${btoa(`${TOKEN}:`)}`,
        ]) {
          const { status, body, headers } = await call(method, path, method === 'GET' ? undefined : {}, {
            Authorization,
          })
          assert.equal(status, 401, Authorization)
          assert.equal(body.errno, 112)
          assert.match(headers.get('WWW-Authenticate') ?? '', /Basic .*Bearer/)
        }
      })
    }
  })

  it('takes the token as Prosody sends it, as the password of Basic', async () => {
    const { status } = await call('GET', '/contacts/alice', undefined, {
      Authorization: `Basic ${btoa(`gateway:${TOKEN}`)}`,
    })
    assert.equal(status, 200)
  })

  it('serves the component alone to whoever has no contacts, in exactly the module’s JSON', async () => {
    const response = await fetch(`${gateway.url}/roster/localhost/nobody`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    })
    assert.equal(await response.text(), '{"presence.localhost":{"name":"Presence","groups":{}}}')
    assert.equal(response.headers.get('Content-Type'), 'application/json; charset=utf-8')
  })

  it('serves every name that a server may have, spelled in whatever way', async () => {
    await call('PUT', '/roster/localhost/d%5C27artagnan/contacts/bob@localhost', {})
    assert.deepEqual(await roster('/contacts/d%5C27artagnan'), { ...COMPONENT, 'bob@localhost': { groups: {} } })
    assert.deepEqual(await roster('/roster/LOCALHOST./D%5c27Artagnan'), {
      ...COMPONENT,
      'bob@localhost': { groups: {} },
    })
    await call('PUT', '/roster/localhost/a%3Fb/contacts/bob@localhost', {})
    assert.deepEqual(await roster('/contacts/a?b'), { ...COMPONENT, 'bob@localhost': { groups: {} } })
    assert.deepEqual(await roster('/contacts/100%'), COMPONENT)
    // Ambiguous to us, which is no reason to end a session.
    assert.deepEqual(await roster(`/contacts/${encodeURIComponent('straße')}`), COMPONENT)
  })

  it('puts, changes and takes away one contact', async () => {
    const path = '/roster/localhost/olivia/contacts/bob@localhost'
    const created = await call('PUT', path, { name: 'Bob', groups: { Friends: true, Not: false } })
    assert.deepEqual([created.status, created.body], [201, OK])
    assert.deepEqual(await roster('/contacts/olivia'), {
      ...COMPONENT,
      'bob@localhost': { name: 'Bob', groups: { Friends: true } },
    })
    assert.equal((await call('PATCH', path, { groups: ['Work', 'Friends'] })).status, 200)
    assert.deepEqual(await roster('/contacts/olivia'), {
      ...COMPONENT,
      'bob@localhost': { name: 'Bob', groups: { Friends: true, Work: true } },
    })
    assert.equal((await call('PUT', path, {})).status, 200)
    assert.deepEqual(await roster('/contacts/olivia'), { ...COMPONENT, 'bob@localhost': { groups: {} } })
    assert.equal((await call('DELETE', path)).status, 200)
    assert.deepEqual(await roster('/contacts/olivia'), COMPONENT)
    for (const method of ['DELETE', 'PATCH']) assert.equal((await call(method, path, {})).status, 404)
  })

  it('puts a whole roster, also as it was served', async () => {
    const put = { 'bob@localhost': { name: 'Bob', groups: { A: true } }, 'irc.example': { groups: {} } }
    assert.equal((await call('PUT', '/roster/localhost/paul', put)).status, 200)
    const served = await roster('/roster/localhost/paul')
    assert.deepEqual(served, { ...COMPONENT, ...put })
    assert.equal((await call('PUT', '/roster/localhost/paul', served)).status, 200)
    assert.deepEqual(await roster('/roster/localhost/paul'), served)
    assert.equal((await call('PUT', '/roster/localhost/paul', {})).status, 200)
    assert.deepEqual(await roster('/roster/localhost/paul'), COMPONENT)
  })

  it('makes and ends friendships, both sides at once, and keeps what each has of the other', async () => {
    await call('PUT', '/roster/localhost/john/contacts/aaron@localhost', { name: 'Aaron' })
    for (let twice = 0; twice < 2; twice++) {
      const made = await call('POST', '/roster/localhost/friendships', { between: ['john', 'AARON'] })
      assert.deepEqual([made.status, made.body], [200, OK])
    }
    assert.deepEqual(await roster('/contacts/john'), { ...COMPONENT, 'aaron@localhost': { name: 'Aaron', groups: {} } })
    assert.deepEqual(await roster('/contacts/aaron'), { ...COMPONENT, 'john@localhost': { groups: {} } })
    await call('POST', '/roster/localhost/friendships', { between: ['john', 'zoe@second.example'] })
    assert.deepEqual(await roster('/roster/second.example/zoe'), { ...COMPONENT, 'john@localhost': { groups: {} } })
    assert.equal((await call('DELETE', '/roster/localhost/friendships?between=john&between=aaron')).status, 200)
    assert.deepEqual(await roster('/contacts/aaron'), COMPONENT)
  })

  it('lists who has a roster, in pages', async () => {
    const names = ['ann', 'ben', 'cleo', 'dan', 'ed']
    for (const name of names) await call('PUT', `/roster/second.example/${name}/contacts/x@y.example`, {})
    const before = (await call('GET', '/roster/second.example?limit=1000')).body.users.filter(
      (name: string) => !names.includes(name),
    )
    const found: string[] = []
    let after: string | null = ''
    while (after !== null) {
      const page: { users: string[]; next: string | null } = (
        await call('GET', `/roster/second.example?limit=2&after=${encodeURIComponent(after)}`)
      ).body
      assert(page.users.length <= 2)
      found.push(...page.users)
      after = page.next
    }
    assert.deepEqual(found, [...names, ...before].sort())
  })

  it('answers a refresh as the module does', async () => {
    const complete = { status: 'ok', message: 'roster update complete' }
    assert.deepEqual((await call('POST', '/roster_admin/refresh', [])).body, { ...complete, updated: 0, errors: 0 })
    assert.deepEqual((await call('POST', '/roster_admin/refresh', ['john', 'aaron'])).body, {
      ...complete,
      updated: 2,
      errors: 0,
    })
    assert.deepEqual((await call('POST', '/roster_admin/second.example/refresh', ['zoe', '@'])).body, {
      ...complete,
      updated: 1,
      errors: 1,
    })
    assert.deepEqual((await call('GET', '/roster_admin/refresh/john')).body, complete)
  })

  it('refuses a body that is too large before it is sent', async () => {
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Length': 5_000_000 }
    const sent = request(`${gateway.url}/roster/localhost/quentin`, { method: 'PUT', headers })
    sent.on('error', () => {}).flushHeaders()
    const [response] = await once(sent, 'response')
    assert.equal(response.statusCode, 413)
    sent.destroy()
  })

  describe('refuses', () => {
    const contact = '/roster/localhost/quentin/contacts'
    for (const [method, path, body, status, errno] of [
      ['PUT', '/roster/localhost/quentin', '{', 400, 100],
      ['PUT', '/roster/localhost/quentin', '[1]', 400, 101],
      ['PUT', '/roster/localhost/quentin', { 'bob@localhost/phone': {} }, 400, 101],
      ['PUT', '/roster/localhost/quentin', { 'bob@localhost': { name: 5 } }, 400, 101],
      ['PUT', '/roster/localhost/quentin', { 'bob@localhost': {}, 'Quentin@localhost': {} }, 400, 101],
      ['PUT', `${contact}/Quentin@localhost`, {}, 400, 101],
      ['PUT', `${contact}/bob@localhost%2Fphone`, {}, 400, 102],
      ['PUT', `${contact}/%40`, {}, 400, 102],
      ['PUT', `${contact}/bob@localhost`, '"x"', 400, 101],
      ['PUT', `${contact}/bob@localhost`, { groups: 'Friends' }, 400, 101],
      ['PUT', `${contact}/presence.localhost`, {}, 409, 131],
      ['PUT', '/roster/localhost/a%40b/contacts/bob@localhost', {}, 400, 102],
      ['PUT', '/roster/nowhere.example/quentin/contacts/bob@localhost', {}, 404, 130],
      ['PUT', '/roster/theirs.example/quentin/contacts/bob@localhost', {}, 409, 131],
      ['POST', '/roster/localhost/friendships', { between: ['quentin'] }, 400, 101],
      ['POST', '/roster/localhost/friendships', { between: ['quentin', 'Quentin@localhost'] }, 400, 101],
      ['POST', '/roster/localhost/friendships', { between: ['quentin', 5] }, 400, 101],
      ['POST', '/roster/localhost/friendships', { between: ['quentin', 'x@nowhere.example'] }, 404, 130],
      ['POST', '/roster/localhost/friendships', { between: ['quentin', 'x@theirs.example'] }, 409, 131],
      ['POST', '/roster/localhost/friendships', 'null', 400, 101],
      ['GET', '/roster/localhost?limit=0', undefined, 400, 101],
      ['GET', '/roster/localhost?limit=1001', undefined, 400, 101],
      ['GET', '/roster/localhost?after=a&after=b', undefined, 400, 101],
      ['GET', '/roster/nowhere.example/quentin', undefined, 404, 130],
      ['POST', '/roster_admin/refresh', { users: [] }, 400, 101],
      ['POST', '/roster_admin/nowhere.example/refresh', [], 404, 130],
      ['POST', '/roster/localhost/quentin', {}, 405, 101],
    ] as const) {
      it(`${method} ${path} ${JSON.stringify(body ?? '').slice(0, 60)} with ${status}`, async () => {
        const answer = await call(method, path, body)
        assert.deepEqual([answer.status, answer.body.result, answer.body.errno], [status, 'KO', errno])
        assert.deepEqual(await roster('/contacts/quentin'), COMPONENT)
      })
    }
  })
})
