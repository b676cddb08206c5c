import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { OutboundError } from '../../src/apps/outbound.js'
import type { Resolve } from '../../src/http/judged-hosts.js'
import { OutboundClient } from '../../src/http/outbound-client.js'
import { freePorts } from '../support/ports.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'

const MOST = 64 * 1024
const BOMB = gzipSync(Buffer.alloc(100_000_000))
const OK = 'HTTP/1.1 200 OK\r\n'
const TOO_LATE = 'it took longer than 5 s'
const TOO_LONG = 'its answer is longer than 65536 bytes'
const ENCODED = 'it sends compressed what it was not asked to'
const CUT_OFF = 'it closed the connection before its answer was whole'

const writing = (...said: (string | Buffer)[]) => {
  return (socket: Socket) => {
    for (const piece of said) socket.write(piece)
  }
}

/** Writes something again and again, until the other side has had enough. */
function again(text: string, first = OK) {
  return (socket: Socket) => {
    socket.write(first)
    const timer = setInterval(() => socket.writableNeedDrain || socket.write(text), 1)
    socket.once('close', () => clearInterval(timer))
  }
}

/** What a server does once it was asked → what whoever named it is told. */
const MISBEHAVIOURS: [string, (socket: Socket) => void, string][] = [
  ['never answers', () => {}, TOO_LATE],
  ['never comes to the point', again('HTTP/1.1 103 Early Hints\r\n\r\n', ''), TOO_LATE],
  ['answers a byte at a time', writing(`${OK}Content-Length: 90000\r\n\r\nx`), TOO_LATE],
  ['has endless headers', again('X: y\r\n'.repeat(1000)), 'it answers with endless headers'],
  ['has one endless header', again('x'.repeat(10_000), `${OK}X: `), 'it answers with endless headers'],
  ['has an endless body', again('x'.repeat(5000), `${OK}\r\n`), TOO_LONG],
  ['has endless chunks', again('1\r\nx\r\n'.repeat(1000), `${OK}Transfer-Encoding: chunked\r\n\r\n`), TOO_LONG],
  ['says a byte too much', writing(`${OK}Content-Length: ${MOST + 1}\r\n\r\n${'x'.repeat(MOST + 1)}`), TOO_LONG],
  ['sends a bomb', writing(`${OK}Content-Encoding: gzip\r\nContent-Length: ${BOMB.length}\r\n\r\n`, BOMB), ENCODED],
  ['sends a bomb in another bag', writing(`${OK}Content-Encoding: br\r\n\r\n`, BOMB), ENCODED],
  ['closes the connection', (socket) => void socket.end(), CUT_OFF],
  ['resets the connection', (socket) => void socket.resetAndDestroy(), CUT_OFF],
  ['says less than it announced', (socket) => void socket.end(`${OK}Content-Length: 10\r\n\r\nabc`), CUT_OFF],
  ['is no web server', writing('SSH-2.0-OpenSSH_9.2\r\n'), 'it does not speak HTTP'],
  ['is a mail server', writing('220 mail.example ESMTP\r\n'), 'it does not speak HTTP'],
]

describe('A call for a stranger', () => {
  let clock: FakeClock
  let client: OutboundClient
  let server: Server
  let port: number
  let asked: string[]
  let connections: number
  let resolve: Resolve
  let behave: (socket: Socket) => void
  const open = new Set<Socket>()

  beforeEach(async () => {
    clock = new FakeClock()
    resolve = async () => ['127.0.0.1']
    client = new OutboundClient(['127.0.0.0/8'], clock, (name) => resolve(name))
    asked = []
    connections = 0
    server = createServer((socket) => {
      connections++
      open.add(socket)
      socket.on('error', () => {}).on('close', () => open.delete(socket))
      socket.on('data', (data) => {
        asked.push(data.toString('latin1'))
        behave(socket)
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    client.close()
    for (const socket of open) socket.destroy()
    await once(server.close(), 'close')
    assert.equal(clock.timers, 0)
  })

  const get = (path = '/', protocol = 'http') => client.get(new URL(`${protocol}://app.example:${port}${path}`))
  const failure = async (call: Promise<unknown>): Promise<string> => {
    const error = await call.then(
      () => assert.fail('it was answered'),
      (reason: unknown) => reason,
    )
    assert(error instanceof OutboundError, String(error))
    return error.message
  }

  for (const [what, does, expected] of MISBEHAVIOURS) {
    it(`copes with a server that ${what}`, async () => {
      behave = does
      const failed = failure(get())
      if (expected === TOO_LATE) {
        await until(() => asked.length > 0)
        clock.pass(5000)
      }
      assert.equal(await failed, expected)
      // Nothing more is read from it.
      await until(() => open.size === 0)
    })
  }

  it('takes 64 KiB, and gives back what was said', async () => {
    const body = 'x'.repeat(MOST)
    behave = writing(`HTTP/1.1 404 No\r\nX-One: 1\r\nX-One: 2\r\nContent-Length: ${MOST}\r\n\r\n${body}`)
    const answer = await get()
    assert.deepEqual([answer.status, answer.headers['x-one'], answer.body.toString()], [404, '1', body])
  })

  it('follows no redirect', async () => {
    behave = writing('HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n')
    const { status, headers } = await get()
    assert.deepEqual([status, headers.location, connections], [302, '/other', 1])
  })

  it('says who is asked, by name, and that nothing may be compressed; nothing of whoever let it be made', async () => {
    behave = writing(`${OK}Content-Length: 0\r\n\r\n`)
    await get('/__presence?a=b')
    assert.equal(
      asked.join(''),
      `GET /__presence?a=b HTTP/1.1\r\nhost: app.example:${port}\r\nconnection: close\r\n` +
        'accept-encoding: identity\r\nuser-agent: presence-gateway\r\n\r\n',
    )
  })

  it('keeps no connection for the next', async () => {
    behave = writing(`${OK}Content-Length: 0\r\n\r\n`)
    for (let n = 1; n <= 3; n++) {
      await get()
      assert.equal(connections, n)
    }
    await until(() => open.size === 0)
  })

  it('tells what is wrong with a server that is not there, or speaks no TLS', async () => {
    const [free = 0] = await freePorts(1)
    assert.equal(await failure(client.get(new URL(`http://app.example:${free}/`))), 'it refuses the connection')
    behave = writing('HTTP/1.1 400 Bad Request\r\n\r\n')
    assert.match(await failure(get('/', 'https')), /^it does not speak TLS/)
  })

  it('takes a TLS handshake that never ends, or a name that nobody answers for, for too late as well', async () => {
    behave = () => {}
    const secure = failure(get('/', 'https'))
    await until(() => asked.length > 0)
    resolve = () => new Promise(() => {})
    const unnamed = failure(get())
    await new Promise((done) => setImmediate(done))
    clock.pass(5000)
    assert.deepEqual(await Promise.all([secure, unnamed]), [TOO_LATE, TOO_LATE])
    assert.equal(connections, 1)
  })

  it('goes through no proxy of the environment', async () => {
    const before = { ...process.env }
    Object.assign(process.env, {
      HTTP_PROXY: 'http://127.0.0.1:9',
      http_proxy: 'http://127.0.0.1:9',
      NODE_USE_ENV_PROXY: '1',
    })
    try {
      behave = writing(`${OK}Content-Length: 2\r\n\r\nok`)
      assert.equal((await get()).body.toString(), 'ok')
    } finally {
      for (const name of ['HTTP_PROXY', 'http_proxy', 'NODE_USE_ENV_PROXY']) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
  })

  it('is one of 50 at once; 200 more wait, and others are refused', async () => {
    behave = () => {}
    const calls = Array.from({ length: 251 }, () => failure(get()))
    assert.equal(await calls[250], 'too much is being fetched just now; try again')
    await until(() => connections === 50)
    for (let round = 1; round <= 5; round++) {
      await until(() => connections === 50 * round && asked.length === 50 * round)
      clock.pass(5000)
    }
    assert.deepEqual(new Set(await Promise.all(calls.slice(0, 250))), new Set([TOO_LATE]))
    assert.equal(connections, 250)
  })

  it('ends with its client', async () => {
    behave = () => {}
    const calls = [failure(get()), failure(get())]
    await until(() => asked.length === 2)
    client.close()
    assert.deepEqual(await Promise.all(calls), ['it was given up', 'it was given up'])
    assert.equal(await failure(get()), 'it was given up')
    await until(() => open.size === 0)
  })

  it('knows which hosts are allowed though private', async () => {
    const expected: [string, readonly string[], boolean][] = [
      ['127.0.0.1', [], true],
      ['localhost', [], true],
      ['10.0.0.1', [], false],
      ['[::1]', [], false],
      ['app.example', ['127.0.0.1', '127.9.9.9'], true],
      ['app.example', ['127.0.0.1', '10.0.0.1'], false],
      ['app.example', ['127.0.0.1', '192.0.9.9'], false],
      ['app.example', ['192.0.9.9'], false],
      ['app.example', [], false],
      ['nonsense', [''], false],
    ]
    for (const [host, addresses, isAllowed] of expected) {
      resolve = async () => addresses
      assert.equal(await client.isAllowedPrivate(host), isAllowed, `${host} ${addresses}`)
    }
  })

  it('does not take for public what could not be looked up', async () => {
    resolve = () => Promise.reject(new Error('no'))
    await assert.rejects(client.isAllowedPrivate('app.example'), (error) => {
      return error instanceof OutboundError && error.isPassing
    })
    resolve = () => new Promise(() => {})
    const waiting = Array.from({ length: 250 }, () => failure(client.isAllowedPrivate('app.example')))
    assert.match(await failure(client.isAllowedPrivate('app.example')), /too much is being fetched/)
    for (let round = 1; round <= 5; round++) {
      await new Promise((done) => setImmediate(done))
      clock.pass(5000)
    }
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([TOO_LATE]))
  })

  it('ends in time with all that it belongs to, also while it waits in line', async () => {
    behave = () => {}
    const others = Array.from({ length: 50 }, () => failure(get()))
    await until(() => asked.length === 50)
    clock.pass(1000)
    const errand = client.within(3000)
    const waiting = failure(errand.get(new URL(`http://app.example:${port}/`)))
    clock.pass(3000)
    assert.equal(await waiting, 'there was no time left for it')
    assert.equal(await failure(errand.check(new URL('http://app.example/'))), 'there was no time left for it')
    clock.pass(1000)
    await Promise.all(others)
    // Nobody was called for it.
    await until(() => open.size === 0)
    assert.equal(connections, 50)
    const second = client.within(8000)
    const calls: string[] = []
    const fetching = (async () => {
      for (const path of ['/1', '/2', '/3'])
        calls.push(await failure(second.get(new URL(`http://app.example:${port}${path}`))))
    })()
    await until(() => asked.length === 51)
    clock.pass(5000)
    await until(() => asked.length === 52)
    clock.pass(3000)
    await fetching
    assert.deepEqual(calls, [TOO_LATE, 'there was no time left for it', 'there was no time left for it'])
  })

  it('asks nobody about a name where nothing private is allowed', async () => {
    const strict = new OutboundClient([], clock, () => assert.fail('it was looked up'))
    assert.equal(await strict.isAllowedPrivate('app.example'), false)
  })
})
