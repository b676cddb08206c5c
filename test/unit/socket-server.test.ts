import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { AppId } from '../../src/apps/app.js'
import type { Sink, Stream } from '../../src/delivery/stream.js'
import { StreamGate } from '../../src/delivery/stream-gate.js'
import type { StreamRequest } from '../../src/delivery/streams.js'
import { HttpServer } from '../../src/http/http-server.js'
import { Turns } from '../../src/http/turns.js'
import { SocketServer } from '../../src/sockets/socket-server.js'
import { RawHttp } from '../support/raw-http.js'
import { StreamSocket } from '../support/stream-socket.js'
import { until } from '../support/until.js'
import { anApp } from './an-app.js'
import { FakeClock } from './fake-clock.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId

describe('SocketServer', () => {
  let clock: FakeClock
  let http: HttpServer
  let server: SocketServer
  let port: number
  let opened: StreamRequest[]
  let partings: string[]
  let connections: Socket[]
  const clients: StreamSocket[] = []

  beforeEach(async () => {
    clock = new FakeClock()
    opened = []
    partings = []
    connections = []
    const gate = new StreamGate({
      apps: { withKey: async (_, key) => (key === 'right' ? anApp({ active: true }) : null), find: async () => null },
      tickets: { read: async () => null },
      limits: { perAddress: 10, all: 10 },
      refused: () => {},
    })
    server = new SocketServer({
      gate,
      streams: {
        open: async (request, started) => {
          opened.push(request)
          const stream = { closed: (parting = 'left') => partings.push(parting), drained: () => {} }
          started(stream as unknown as Stream)
        },
      },
      clientAddress: ({ socket }) => {
        connections.push(socket)
        return '192.0.2.1'
      },
      clock,
      mostInFrame: 1000,
      failed: assert.ifError,
    })
    const parts = { turns: new Turns(), clock, first: { handle: () => false }, rest: () => {}, upgrades: server }
    http = new HttpServer({ host: '127.0.0.1', port: 0 }, { ...parts, failed: assert.ifError })
    port = Number(new URL(await http.start()).port)
  })

  afterEach(async () => {
    for (const { ws } of clients.splice(0)) ws.terminate()
    server.stop()
    await http.stop()
    assert.equal(clock.timers, 0)
  })

  async function connected(options: object = {}): Promise<{ client: StreamSocket; sink: Sink }> {
    const client = new StreamSocket(port, APP, { key: 'right', ...options })
    clients.push(client)
    await client.opened()
    const sink = await until(() => opened[clients.length - 1]?.sink)
    return { client, sink }
  }

  it('closes with 4401 where no key comes in 10 s', async () => {
    const client = await new StreamSocket(port, APP).opened()
    clock.pass(9000)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(client.code, null)
    clock.pass(1000)
    assert.equal(await client.closed(), 4401)
    assert.deepEqual(opened, [])
  })

  it('pings every 25 s, and cuts off who has sent no pong for 8 s', async () => {
    const { client } = await connected()
    const { client: deaf } = await connected({ autoPong: false })
    let pings = 0
    client.ws.on('ping', () => pings++)
    let heard = 0
    const bytes = connections[0]?.bytesRead ?? 0
    deaf.ws.on('ping', () => heard++)
    clock.pass(25_000)
    await until(() => pings === 1 && heard === 1)
    // The pong is taken in before more time goes by.
    await until(() => (connections[0]?.bytesRead ?? 0) > bytes)
    clock.pass(8000)
    assert.equal(await deaf.closed(), 1006)
    clock.pass(17_000)
    await until(() => pings === 2)
    assert.deepEqual(partings, ['unheard'])
    assert.equal(client.code, null)
  })

  it('lets them be quiet, which other connections are not', async () => {
    await connected()
    assert.deepEqual(
      connections.map(({ timeout }) => timeout),
      [0],
    )
  })

  it('gives streams the connection to write to, and says when it has enough and when it takes more', async () => {
    const { client, sink } = await connected()
    assert.equal(sink.write('\x81\x02""'), true)
    await until(() => client.frames.length === 1)
    client.ws.pause()
    const half = Buffer.concat([Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0x80, 0, 0]), Buffer.alloc(0x800000, 0x20)])
    half[10] = 0x31
    assert.equal(sink.write(half.toString('latin1')), false)
    client.ws.resume()
    await until(() => client.frames.length === 2)
    assert.deepEqual(client.frames, ['', 1])
  })

  for (const [ending, code] of [
    ['bad-key', 4401],
    ['stopped', 4403],
    ['too-slow', 4408],
    ['replaced', 4409],
    ['failed', 1011],
    ['shutdown', 1012],
  ] as const) {
    it(`closes with ${code} what ends as ${ending}, and writes nothing more`, async () => {
      const { client, sink } = await connected()
      sink.end(ending)
      assert.equal(sink.write('\x81\x02""'), true)
      assert.equal(await client.closed(), code)
      assert.deepEqual(client.frames, [])
    })
  }

  it('answers pings; to who does not read the newest alone, when she reads again', async () => {
    const { client, sink } = await connected()
    const pongs: string[] = []
    client.ws.on('pong', (data) => pongs.push(String(data)))
    client.ws.ping('first')
    await until(() => pongs.length === 1)
    client.ws.pause()
    const half = Buffer.concat([Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0x80, 0, 0]), Buffer.alloc(0x800000, 0x20)])
    half[10] = 0x31
    assert.equal(sink.write(half.toString('latin1')), false)
    const [connection] = connections
    assert(connection)
    const before = connection.bytesRead
    for (let i = 10; i < 30; i++) client.ws.ping(`${i}`.padEnd(100))
    await until(() => connection.bytesRead === before + 20 * 106)
    assert(connection.writableLength <= half.length)
    client.ws.resume()
    await until(() => client.frames.length === 1 && pongs.length === 2)
    assert.deepEqual(
      pongs.map((each) => each.trim()),
      ['first', '29'],
    )
  })

  it('says of who leaves that she has left, and of who breaks the rules that he did', async () => {
    const { client } = await connected()
    client.ws.close()
    await until(() => partings.length === 1)
    const { client: second } = await connected()
    second.ws.send('x'.repeat(1001))
    assert.equal(await second.closed(), 1009)
    assert.deepEqual([...new Set(partings)], ['left', 'unruly'])
  })

  it('cuts off who was refused, and stays', async () => {
    const page = await RawHttp.open(port)
    page.socket.write(
      `GET /${APP} HTTP/1.1\r\nHost: x\r\nOrigin: https://x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    await until(() => page.socket.readableEnded)
    assert.equal(page.answers[0]?.status, 403)
    assert.equal(connections[0]?.destroyed, false)
    clock.pass(2000)
    assert.equal(connections[0]?.destroyed, true)
    page.socket.destroy()
  })

  for (const [what, header] of [
    ['another version', 'Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    ['no key', 'Sec-WebSocket-Version: 13'],
  ]) {
    it(`refuses a handshake with ${what} as JSON, and says which version it speaks`, async () => {
      const raw = await RawHttp.open(port)
      raw.socket.end(
        `GET /${APP} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${header}\r\n\r\n`,
      )
      const [answer] = await raw.untilEnd()
      assert.equal(answer?.status, 400)
      assert.match(answer.head, /^Content-Type: application\/json; charset=utf-8\r$/m)
      assert.match(answer.head, /^Sec-WebSocket-Version: 13\r$/m)
      assert.equal(JSON.parse(answer.body).errno, 101)
      // No more than what looks at all of them.
      await until(() => clock.timers === 1)
    })
  }

  it('takes a path in absolute form', async () => {
    const raw = await RawHttp.open(port)
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    raw.socket.write(
      `GET http://x.example/${APP}?since=c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer right\r\n${key}\r\n\r\n`,
    )
    const [request] = await until(() => opened.length > 0 && opened)
    assert.equal(request?.appid, APP)
    assert.equal(request?.since, 'c')
    raw.socket.destroy()
  })

  it('cuts off who answers no close frame', async () => {
    const { client, sink } = await connected()
    client.ws.pause()
    sink.end('too-slow')
    await until(() => connections[0]?.destroyed)
  })

  it('says to who is left that it goes when it stops, and cuts them off', async () => {
    const { client } = await connected()
    const waiting = await new StreamSocket(port, APP).opened()
    server.stop()
    assert.equal(await client.closed(), 1012)
    assert.equal(await waiting.closed(), 1012)
    assert.deepEqual(partings, ['shutdown'])
  })
})
