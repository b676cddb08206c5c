import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../support/fault-proxy.js'
import { until } from '../support/until.js'

const TEXT = 'naïve 👩‍👩‍👧 <a>&amp;</a>'

/** An end of a connection, and what came out of it. */
class End {
  readonly chunks: Buffer[] = []
  ended = false
  closed: 'no' | 'in order' | 'reset' = 'no'
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => this.chunks.push(data))
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', () => {})
    socket.on('close', (failed) => {
      this.closed = failed ? 'reset' : 'in order'
    })
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }
}

describe('FaultProxy', () => {
  let target: Server
  let proxy: FaultProxy
  let served: End[]
  let clients: End[]

  beforeEach(async () => {
    served = []
    clients = []
    target = createServer({ allowHalfOpen: true }, (socket) => served.push(new End(socket)))
    await once(target.listen(0, '127.0.0.1'), 'listening')
    proxy = await FaultProxy.start((target.address() as AddressInfo).port)
  })

  afterEach(async () => {
    await proxy.stop()
    const { open } = proxy
    for (const { socket } of [...clients, ...served]) socket.destroy()
    await once(target.close(), 'close')
    assert.equal(open, 0)
  })

  async function dial(): Promise<End> {
    const client = new End(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }))
    clients.push(client)
    await once(client.socket, 'connect')
    return client
  }

  /** A client and the end that the target has of it. */
  async function pair(): Promise<[End, End]> {
    const before = served.length
    const client = await dial()
    return [client, await until(() => served[before])]
  }

  it('carries both ways, counts it, and passes on an end in order', async () => {
    const [client, server] = await pair()
    client.socket.write(TEXT)
    await until(() => server.text === TEXT)
    client.socket.end()
    await until(() => server.ended)
    server.socket.end('answer')
    await until(() => client.closed === 'in order' && server.closed === 'in order')
    assert.equal(client.text, 'answer')
    await until(() => proxy.open === 0)
    assert.deepEqual(proxy.bytes, { up: Buffer.byteLength(TEXT), down: 6 })
    assert.equal(proxy.accepted, 1)
  })

  it('passes on a reset', async () => {
    const [client, server] = await pair()
    server.socket.resetAndDestroy()
    await until(() => client.closed === 'reset')
  })

  it('delays each way, in order, also where the delay ends in between', async () => {
    const [client, server] = await pair()
    proxy.mode = { kind: 'delay', ms: 100 }
    const sent = performance.now()
    client.socket.write('first ')
    await until(() => server.text === 'first ')
    // Timers may be a millisecond early.
    assert.ok(performance.now() - sent >= 98)
    client.socket.write('second ')
    await until(() => client.socket.bytesWritten === 13)
    await sleep(20)
    proxy.mode = { kind: 'pass' }
    client.socket.write('third')
    client.socket.end()
    await until(() => server.ended)
    assert.equal(server.text, 'first second third')
  })

  it('holds no more than its bound, and then its sender waits', async () => {
    const [client, server] = await pair()
    proxy.mode = { kind: 'delay', ms: 600_000 }
    const block = Buffer.alloc(64 * 1024)
    let blocks = 0
    // The kernel's buffers take some, too.
    while (client.socket.writableLength < 8 * block.length && blocks < 1000) {
      client.socket.write(block)
      blocks++
      await sleep(1)
    }
    assert.ok(client.socket.writableLength >= 8 * block.length, 'the sender never had to wait')
    assert.equal(server.chunks.length, 0)
  })

  it('carries all of what a slow reader leaves, once it reads', async () => {
    const [client, server] = await pair()
    server.socket.pause()
    const all = Buffer.alloc(16 * 1024 * 1024, TEXT)
    client.socket.end(all)
    await sleep(50)
    assert.ok(proxy.bytes.up < all.length, 'everything was held')
    server.socket.resume()
    await until(() => server.ended)
    assert.ok(Buffer.concat(server.chunks).equals(all))
  })

  it('trickles, so that characters and tags are torn apart', async () => {
    const [client, server] = await pair()
    proxy.mode = { kind: 'trickle', bytes: 1 }
    client.socket.write(TEXT)
    await until(() => server.text === TEXT)
    const torn = server.chunks.filter((chunk) => chunk.toString().includes('\ufffd')).length
    assert.ok(torn >= 10, `only ${torn} chunks end within a character`)
  })

  it('cuts by reset', async () => {
    const [client, server] = await pair()
    proxy.cut('reset')
    await until(() => client.closed === 'reset' && server.closed === 'reset')
  })

  it('cuts by an end in order', async () => {
    const [client, server] = await pair()
    proxy.cut('end')
    await until(() => client.ended && server.ended)
    client.socket.end()
    server.socket.end()
    await until(() => client.closed === 'in order' && server.closed === 'in order' && proxy.open === 0)
  })

  it('cuts by reset also what it has just cut by an end', async () => {
    const [client] = await pair()
    proxy.cut('end')
    proxy.cut('reset')
    await until(() => (client.ended || client.closed === 'reset') && proxy.open === 0)
  })

  it('half-opens: nothing is carried, neither side hears the other go, and new connections are sound', async () => {
    const [client, server] = await pair()
    proxy.halfOpen()
    client.socket.write('lost')
    server.socket.write('lost, too')
    client.socket.destroy()
    const [second, secondServer] = await pair()
    second.socket.write('heard')
    await until(() => secondServer.text === 'heard')
    assert.deepEqual([client.text, server.text, server.ended, server.closed], ['', '', false, 'no'])
    assert.equal(proxy.open, 2)
  })

  it('blackholes: accepts, and never says a word; what was open goes on', async () => {
    const [client, server] = await pair()
    proxy.mode = { kind: 'blackhole' }
    const swallowed = await dial()
    swallowed.socket.write('anybody?')
    client.socket.write('heard')
    await until(() => server.text === 'heard')
    assert.deepEqual([served.length, swallowed.chunks.length, swallowed.closed], [1, 0, 'no'])
  })

  it('refuses new connections', async () => {
    const [client, server] = await pair()
    proxy.mode = { kind: 'refuse' }
    const refused = await dial().catch(() => clients.at(-1))
    await until(() => refused?.closed === 'reset')
    client.socket.write('heard')
    await until(() => server.text === 'heard')
    assert.deepEqual([served.length, proxy.accepted, proxy.open], [1, 2, 1])
  })

  it('resets whoever comes while the target is not there', async () => {
    target.close()
    const client = await dial()
    await until(() => client.closed === 'reset' && proxy.open === 0)
    await once(target.listen(0, '127.0.0.1'), 'listening')
  })
})
