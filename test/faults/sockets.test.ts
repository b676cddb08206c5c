import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { AppKeys } from '../../src/apps/app-keys.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { RawHttp } from '../support/raw-http.js'
import { signedIn } from '../support/signed-in.js'
import { type Said, StreamSocket, type StreamSocketOptions } from '../support/stream-socket.js'
import { MEMBER, StreamingGateway } from '../support/streaming-gateway.js'
import { until } from '../support/until.js'

const UNKNOWN = 'app_unknownunknownunknown123'
const PER_ADDRESS = 40
const FRAME = 64 * 1024
const HANDSHAKE = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='

describe('WebSockets of apps', function () {
  this.timeout(60_000)
  let streaming: StreamingGateway
  /** Is there all the time, and must not notice anything. */
  let other: StreamSocket
  let user0: { token: string }
  let isAway = false
  const sockets: StreamSocket[] = []

  before(async () => {
    streaming = await StreamingGateway.start({
      apps: 4,
      users: 2,
      config: { limits: { connectionsPerAddress: PER_ADDRESS } },
    })
    user0 = await signedIn(streaming.gateway, MEMBER)
    other = await new StreamSocket(streaming.port, streaming.appAt(1).appid, { key: streaming.appAt(1).key }).ready()
  })
  afterEach(async () => {
    for (const { ws } of sockets.splice(0)) ws.terminate()
    await until(async () => (await streaming.metric('streams', 'websocket')) === 1)
    isAway = !isAway
    streaming.say(0, isAway ? 'away' : 'dnd')
    const mine = ({ uid }: { uid: string }) => uid === streaming.uid(1, 0)
    await until(() => other.updates.findLast(mine).status === (isAway ? 'away' : 'unavailable'))
    assert.equal(other.code, null)
  })
  after(async () => {
    other?.ws.terminate()
    await streaming?.stop()
  })

  function open(appid: string, options: StreamSocketOptions = {}): StreamSocket {
    const socket = new StreamSocket(streaming.port, appid, options)
    sockets.push(socket)
    return socket
  }
  const openKeyed = () => open(streaming.app.appid, { key: streaming.app.key })

  it('tell of everybody, then that they are ready, then of what changes', async () => {
    const socket = await openKeyed().ready()
    const [snapshot, ready] = socket.frames
    assert.deepEqual(snapshot.map(({ uid }: { uid: string }) => uid).sort(), [streaming.uid(0, 0), streaming.uid(0, 1)])
    assert.deepEqual(Object.keys(ready), ['ready', 'cursor'])
    streaming.say(1, 'away')
    const { cursor, ...update } = await until(() => socket.updates.find(({ status }) => status === 'away'))
    assert.deepEqual(update, { uid: streaming.uid(0, 1), status: 'away' })
    assert.match(cursor, /^[\w-]{22}$/)
  })

  it('take the key, and a cursor, in the first frame as well', async () => {
    const first = await open(streaming.app.appid).opened()
    first.ws.send(JSON.stringify({ key: streaming.app.key }))
    await first.ready()
    const { cursor } = first.frames.find(({ ready }) => ready)
    streaming.say(1, 'xa')
    streaming.say(1, 'dnd')
    await until(() => first.updates.at(-1).status === 'unavailable')
    first.ws.terminate()
    for (const query of ['', `?since=${cursor}`]) {
      const second = await open(streaming.app.appid, { query }).opened()
      second.ws.send(JSON.stringify({ key: streaming.app.key, ...(!query && { since: cursor }) }))
      await second.ready()
      assert.equal(second.updates.at(-1).status, 'unavailable')
      assert.deepEqual(second.updates, first.updates.slice(-second.updates.length))
    }
  })

  it('begin anew with a cursor that says nothing; nothing is no cursor', async () => {
    const { appid, key } = streaming.app
    const foreign = other.frames.find(({ ready }) => ready).cursor
    const empty = await open(appid, { query: '?since=' }).opened()
    empty.ws.send(JSON.stringify({ key, since: '' }))
    assert.equal((await empty.ready()).frames[0].length, 2)
    for (const since of ['x', 'A'.repeat(22), foreign]) {
      const socket = await open(appid, { key, query: `?since=${since}` }).ready()
      assert.deepEqual(socket.frames[0], { reset: true })
      assert.equal(socket.frames[1].length, 2)
    }
  })

  const hello = (said: unknown) => (ws: WebSocket) => ws.send(typeof said === 'string' ? said : JSON.stringify(said))
  const wrongs: [
    name: string,
    appid: () => string,
    options: StreamSocketOptions,
    send: (ws: WebSocket) => void,
    code: number,
  ][] = [
    ['a bad key in a header', () => streaming.app.appid, { key: 'x' }, () => {}, 4401],
    ['a bad key in the first frame', () => streaming.app.appid, {}, hello({ key: 'x' }), 4401],
    ['a key of another app', () => streaming.app.appid, {}, (ws) => hello({ key: streaming.appAt(1).key })(ws), 4401],
    ['an app that nobody knows', () => UNKNOWN, {}, (ws) => hello({ key: streaming.app.key })(ws), 4401],
    ['a bad ticket', () => streaming.app.appid, { query: '?ticket=x', origin: 'https://app0.example' }, () => {}, 4401],
    ['a first frame without a key', () => streaming.app.appid, {}, hello({ since: 'x' }), 4401],
    ['a first frame that is no JSON', () => streaming.app.appid, {}, hello('{'), 4401],
    ['a first frame of null', () => streaming.app.appid, {}, hello('null'), 4401],
    ['a first frame of bytes', () => streaming.app.appid, {}, (ws) => ws.send(Buffer.from([0x7b])), 4401],
    ['a frame over 64 KiB', () => streaming.app.appid, {}, (ws) => ws.send('x'.repeat(FRAME + 1)), 1009],
    ['many pieces of a frame', () => streaming.app.appid, {}, (ws) => inPieces(ws, 2000), 1008],
    ['bad UTF-8', () => streaming.app.appid, {}, (ws) => ws.send(Buffer.from([0xff]), { binary: false }), 1007],
    ['what is no frame', () => streaming.app.appid, {}, (ws) => unframed(ws, 'GET / HTTP/1.1\r\n\r\n'), 1002],
    ['a hundred pings', () => streaming.app.appid, {}, (ws) => pings(ws, 100), 1008],
  ]
  for (const [name, appid, options, send, code] of wrongs) {
    it(`of ${name} are closed with ${code}`, async () => {
      const socket = await open(appid(), options).opened()
      send(socket.ws)
      assert.equal(await socket.closed(), code)
      assert.deepEqual(socket.frames, [])
    })
  }

  for (const [name, send, code] of [
    ['a frame over 64 KiB', (ws: WebSocket) => ws.send('x'.repeat(FRAME + 1)), 1009],
    ['bad UTF-8', (ws: WebSocket) => ws.send(Buffer.from([0xff]), { binary: false }), 1007],
    ['a hundred frames at once', (ws: WebSocket) => Array.from({ length: 100 }, () => ws.send('{}')), 1008],
    ['megabytes at once', (ws: WebSocket) => Array.from({ length: 45 }, () => ws.send('x'.repeat(FRAME))), 1008],
  ] as const) {
    it(`are closed with ${code} for ${name} also when they are open`, async () => {
      const socket = await openKeyed().ready()
      send(socket.ws)
      assert.equal(await socket.closed(), code)
    })
  }

  it('ignore what a client says now and then', async () => {
    const socket = await openKeyed().ready()
    for (const said of ['{}', '{"key":"x"}', 'nonsense', '']) socket.ws.send(said)
    const pong = once(socket.ws, 'pong')
    socket.ws.ping()
    await pong
    streaming.say(1, 'chat')
    await until(() => socket.updates.at(-1).status === 'online')
    assert.equal(socket.code, null)
  })

  it('are refused to pages without a ticket, before the upgrade', async () => {
    const { appid, key } = streaming.app
    for (const origin of ['https://app0.example', 'null']) {
      assert.deepEqual(await open(appid, { key, origin }).refused(), { status: 403, errno: 121 })
    }
  })

  it('give way to newer ones, the oldest first', async () => {
    const eleven: StreamSocket[] = []
    for (let i = 0; i < 11; i++) eleven.push(await openKeyed().ready())
    assert.equal(await eleven[0]?.closed(), 4409)
    assert.deepEqual(
      eleven.slice(1).map(({ code }) => code),
      Array(10).fill(null),
    )
  })

  async function asUser0(method: string, path: string, json?: object): Promise<Said> {
    const { token } = user0
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const body = json && JSON.stringify(json)
    const response = await fetch(`${streaming.gateway.url}/api${path}`, { method, headers, ...(body && { body }) })
    assert.equal(response.status, 200)
    return response.json()
  }

  it('are closed with 4403 when their app stops, and refused to it until it is active again', async () => {
    const { appid, key } = streaming.appAt(2)
    const [socket, newcomer] = [await open(appid, { key }).ready(), open(appid)]
    await asUser0('POST', `/apps/${appid}/deactivate`)
    assert.equal(await socket.closed(), 4403)
    assert.equal(await open(appid, { key }).closed(), 4403)
    ;(await newcomer.opened()).ws.send(JSON.stringify({ key }))
    assert.equal(await newcomer.closed(), 4403)
    const active = await asUser0('POST', `/apps/${appid}/activate`)
    const again = await open(appid, { key: active.key }).ready()
    assert.equal(await open(appid, { key }).closed(), 4401)
    await asUser0('DELETE', `/apps/${appid}`)
    assert.equal(await again.closed(), 4403)
  })

  it('tell at once when a user pauses, widens or takes back what the app may see, and nothing of her after that', async () => {
    const { appid, key } = streaming.appAt(3)
    const socket = await open(appid, { key }).ready()
    const uid = streaming.uid(3, 0)
    const hers = () =>
      socket.updates.filter((each) => each.uid === uid && each.cursor).map(({ cursor, uid, ...is }) => is)
    const count = hers().length
    streaming.say(0, 'chat', 'x')
    await until(() => hers().length === count + 1)
    await asUser0('PATCH', `/me/grants/${appid}`, { paused: true })
    streaming.say(0, 'xa')
    await streaming.logged()
    await asUser0('PATCH', `/me/grants/${appid}`, { paused: false })
    await asUser0('PATCH', `/me/grants/${appid}`, { scope: 'status address' })
    await asUser0('DELETE', `/me/grants/${appid}`)
    streaming.say(0, 'online')
    await streaming.taken()
    streaming.say(1, 'xa')
    await until(() => socket.updates.at(-1).status === 'away' && socket.updates.at(-1).uid === streaming.uid(3, 1))
    assert.deepEqual(hers().slice(count), [
      { status: 'online' },
      { status: 'offline' },
      { status: 'away' },
      { status: 'away', jid: MEMBER },
      { status: 'offline', revoked: true },
    ])
  })

  it('take the key before for an hour after another was made', async () => {
    const { appid, key } = streaming.appAt(3)
    const database = openDatabase(`${streaming.gateway.directory}/data`)
    const other = await new AppKeys(new SqliteAppStore(database), systemClock, randomBytes).rotate(appid)
    await open(appid, { key }).ready()
    await open(appid, { key: other }).ready()
    const later = { ...systemClock, now: () => Date.now() - 3_600_001 }
    await new AppKeys(new SqliteAppStore(database), later, randomBytes).issue(appid)
    await new AppKeys(new SqliteAppStore(database), later, randomBytes).rotate(appid)
    database.close()
    for (const old of [key, other]) assert.equal(await open(appid, { key: old }).closed(), 4401)
  })

  it('of one address are refused with 429 beyond its limit; others of them go on', async () => {
    const many = Array.from({ length: 1000 }, () => open(streaming.appAt(3).appid))
    await until(() => many.every(({ ws, status }) => status !== null || ws.readyState === WebSocket.OPEN), 30_000)
    const refused = many.filter(({ status }) => status !== null)
    // One is the other's.
    assert.equal(many.length - refused.length, PER_ADDRESS - 1)
    for (const socket of refused) assert.deepEqual(await socket.refused(), { status: 429, errno: 140 })
    assert.equal((await streaming.gateway.status('nobody@example.org')).status, 404)
  })

  it('leave every other upgrade and path to HTTP', async () => {
    const asked = [
      ['GET /xmpp/status/nobody@example.org.txt', 'Upgrade: websocket', 404],
      [`GET /${streaming.app.appid}`, 'Upgrade: h2c', 426],
      [`POST /${streaming.app.appid}`, 'Upgrade: websocket', 404],
      [`GET /${streaming.app.appid}`, 'Upgrade: websocket\r\nContent-Length: 0', 426],
      [`GET /${streaming.app.appid}/x`, 'Upgrade: websocket', 404],
      [`GET /${streaming.app.appid}`, 'Upgrade: websocket', 400],
      [`GET /${streaming.app.appid}`, `Host: y\r\n${HANDSHAKE}`, 400],
      [`GET /${streaming.app.appid}`, HANDSHAKE, 101],
    ] as const
    for (const [line, upgrade, status] of asked) {
      const raw = await RawHttp.open(streaming.port)
      raw.socket.write(`${line} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n${upgrade}\r\n\r\n`)
      await until(() => raw.received.startsWith('HTTP/1.1 '), 5000, line)
      assert.equal(raw.received.slice(9, 12), String(status), `${line} ${upgrade}`)
      raw.socket.destroy()
    }
  })

  it('begin behind the answers to what was asked before on the connection', async () => {
    const { appid, key } = streaming.app
    const get = 'GET /xmpp/status/nobody@example.org.txt HTTP/1.1\r\nHost: x\r\n\r\n'
    const batch = `POST /xmpp/status HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"jids":[]}`
    const upgrade = `GET /${appid} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n${HANDSHAKE}\r\nAuthorization: Bearer ${key}\r\n\r\n`
    for (const [before, count] of [
      [get, 1],
      [batch, 1],
      [get.repeat(3), 3],
      [get.repeat(40), 40],
      [get.repeat(20) + batch + get, 22],
    ] as const) {
      const raw = await RawHttp.open(streaming.port)
      raw.socket.write(before + upgrade)
      await until(() => raw.received.includes('"ready":true'), 10_000, `the stream after ${count}`)
      const [answers = ''] = raw.received.split('HTTP/1.1 101 ')
      assert.equal(answers.match(/HTTP\/1\.1 (?:404|200) /g)?.length, count)
      raw.socket.destroy()
    }
  })

  it('are told to come back at different times when the gateway ends, and that ends at once', async () => {
    const ten: StreamSocket[] = []
    for (let i = 0; i < 10; i++) ten.push(await openKeyed().ready())
    const waiting = await open(streaming.app.appid).opened()
    other.ws.terminate()
    const exit = await streaming.gateway.shutDown()
    assert.deepEqual(exit, { code: 0, signal: null })
    const times = new Set<number>()
    for (const socket of ten) {
      assert.equal(await socket.closed(), 1012)
      const { reconnect } = socket.frames.at(-1)
      assert(reconnect >= 1000 && reconnect <= 31_000)
      times.add(reconnect)
    }
    assert(times.size > 5)
    // Who has not shown her key yet has no stream to be told by.
    assert.equal(await waiting.closed(), 1012)
    await streaming.gateway.start()
    await streaming.reconnected()
    other = await new StreamSocket(streaming.port, streaming.appAt(1).appid, { key: streaming.appAt(1).key }).ready()
  })
})

function pings(ws: WebSocket, count: number): void {
  for (let i = 0; i < count; i++) ws.ping()
}

function inPieces(ws: WebSocket, pieces: number): void {
  for (let i = 0; i < pieces; i++) ws.send('x', { fin: i === pieces - 1 })
}

function unframed(ws: WebSocket, text: string): void {
  ;(ws as unknown as { _socket: { write(text: string): void } })._socket.write(text)
}
