import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { APP, KEY, OTHER, StreamServer } from './stream-server.js'
import { temporaryDirectory } from './temporary-directory.js'

const aUid = () => `UID${randomBytes(16).toString('base64url')}`
const SOME = [aUid()]
const NO_KEY = {
  result: 'KO',
  errno: 111,
  error: 'there is no such app, or this is not its key, sent as Authorization: Bearer',
}

describe('POST /<appid>/tickets', () => {
  const directory = temporaryDirectory()
  let server: StreamServer
  beforeEach(async () => {
    server = new StreamServer(directory())
    await server.start()
  })
  afterEach(() => server.stop())

  async function ask(body: unknown, headers: Record<string, string> = { Authorization: `Bearer ${KEY}` }, app = APP) {
    const text = typeof body === 'string' || body instanceof Blob ? body : JSON.stringify(body)
    const response = await fetch(server.url(`/${app}/tickets`), { method: 'POST', headers, body: text })
    // biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
    return { status: response.status, headers: response.headers, json: (await response.json()) as any }
  }
  const errnoOf = async (body: unknown) => {
    const { status, json } = await ask(body)
    return [status, json.errno, json.error]
  }

  it('gives a ticket, and says until when it opens streams', async () => {
    const { status, headers, json } = await ask({ uids: SOME })
    assert.equal(status, 200)
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('access-control-allow-origin'), null)
    assert.deepEqual(Object.keys(json), ['ticket', 'expires'])
    assert.equal(json.expires, new Date(server.clock.now() + 900_000).toISOString())
    assert.deepEqual(await server.delivery.tickets.read(APP, json.ticket), new Set(SOME))
  })

  it('lets it live from 1s to 24h', async () => {
    for (const [ttl, ms] of [
      ['1s', 1000],
      ['90s', 90_000],
      ['1.5h', 5_400_000],
      ['24h', 86_400_000],
      ['1d', 86_400_000],
    ] as const) {
      const { json } = await ask({ uids: SOME, ttl })
      assert.equal(Date.parse(json.expires) - server.clock.now(), ms)
    }
    const wrong = [400, 101, 'ttl: must be from 1s to 24h, such as 15m']
    for (const ttl of ['999ms', '25h', '', 'x', '15', '-1s', '1e3s', ' 1s', '∞', 'NaNs']) {
      assert.deepEqual(await errnoOf({ uids: SOME, ttl }), wrong, ttl)
    }
    for (const ttl of [15, null, {}, []]) assert.deepEqual((await errnoOf({ uids: SOME, ttl })).slice(0, 2), [400, 101])
  })

  it('is for 1 to 100 that look like uids', async () => {
    const hundred = Array.from({ length: 100 }, aUid)
    assert.equal((await ask({ uids: hundred })).status, 200)
    assert.deepEqual(await errnoOf({ uids: [...hundred, aUid()] }), [400, 104, 'uids: at most 100'])
    assert.deepEqual(await errnoOf({ uids: [] }), [400, 101, 'uids: must name somebody'])
    assert.deepEqual(await errnoOf({ uids: [SOME[0], 'alice@example.org'] }), [400, 101, 'uids.1: is no uid'])
    assert.deepEqual(await errnoOf({}), [400, 101, 'uids: is missing'])
    assert.deepEqual((await errnoOf({ uids: SOME, key: KEY })).slice(0, 2), [400, 101])
    assert.deepEqual(await errnoOf('{'), [400, 100, 'the body is not JSON'])
    assert.deepEqual(await errnoOf(new Blob(['{"uids":["', Uint8Array.of(0xff), '"]}'])), [
      400,
      100,
      'the body is not JSON',
    ])
    assert.deepEqual(await errnoOf({ uids: ['x'.repeat(65_536)] }), [413, 103, 'the body is too large'])
  })

  it('takes no body of any other shape, and fails at none', async () => {
    const bodies = fc.oneof(
      fc.json(),
      fc.string(),
      fc.record({ uids: fc.jsonValue(), ttl: fc.jsonValue() }).map((body) => JSON.stringify(body)),
    )
    const answered = fc.asyncProperty(bodies, async (body) => {
      const { status, json } = await ask(body)
      assert.equal(status, 400)
      assert.equal(json.result, 'KO')
    })
    await fc.assert(answered, { numRuns: 300 })
  })

  it('is for who shows the key, and for nobody from a page', async () => {
    for (const headers of [{}, { Authorization: 'Bearer x' }, { Authorization: KEY }]) {
      const { status, json, headers: answered } = await ask({ uids: SOME }, headers as Record<string, string>)
      assert.deepEqual([status, json], [401, NO_KEY])
      assert.equal(answered.get('www-authenticate'), 'Bearer realm="presence"')
    }
    const foreign = await ask({ uids: SOME }, undefined, 'app_cccccccccccccccccccccccc' as typeof APP)
    assert.deepEqual([foreign.status, foreign.json], [401, NO_KEY])
    const page = await ask({ uids: SOME }, { Authorization: `Bearer ${KEY}`, Origin: 'https://app.example' })
    assert.deepEqual([page.status, page.json.errno], [403, 121])
    server.deactivate(OTHER)
    const paused = await ask({ uids: SOME }, undefined, OTHER)
    assert.deepEqual([paused.status, paused.json.errno], [403, 122])
  })
})
