import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { UndiciHttpClient } from '../../src/http/undici-http-client.js'
import { systemClock } from '../../src/ops/system-clock.js'
import type { HttpCall } from '../../src/roster/http-client.js'
import { freePorts } from '../support/ports.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'

const OK = 'HTTP/1.1 200 OK\r\n'
const TOO_LATE = { kind: 'failed', why: 'it took longer than 0.3 s' }
const CUT_OFF = { kind: 'failed', why: 'it closed the connection before its answer was whole' }
const TOO_LONG = { kind: 'failed', why: 'its answer is longer than 1000 bytes' }

const answer = (body: string, status = '200 OK', headers = '') =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const writing = (text: string) => (socket: Socket) => void socket.write(text)

/** Writes something again and again, until the other side has had enough. */
function again(everyMs: number, text: string, first = OK) {
  return (socket: Socket) => {
    socket.write(first)
    const timer = setInterval(() => socket.writableNeedDrain || socket.write(text), everyMs)
    socket.once('close', () => clearInterval(timer))
  }
}

/** What a server does once it was asked → what we make of it, in 0.3 s and with 1,000 bytes. */
const MISBEHAVIOURS: [string, (socket: Socket) => void, object][] = [
  ['never answers', () => {}, TOO_LATE],
  ['answers a byte at a time', again(20, 'x', `${OK}Content-Length: 900\r\n\r\n`), TOO_LATE],
  ['says its headers one at a time', again(20, 'X: y\r\n'), TOO_LATE],
  [
    'never comes to the point',
    again(20, 'HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
    TOO_LATE,
  ],
  [
    'has endless headers',
    again(1, 'X: y\r\n'.repeat(1000)),
    { kind: 'failed', why: 'it answers with endless headers' },
  ],
  ['has an endless body', again(1, 'x'.repeat(500), `${OK}\r\n`), TOO_LONG],
  ['answers with 10 MB', writing(answer('x'.repeat(10_000_000))), TOO_LONG],
  ['resets the connection', (socket) => void socket.resetAndDestroy(), CUT_OFF],
  ['closes the connection', (socket) => void socket.end(), CUT_OFF],
  ['says less than it announced', (socket) => void socket.end(`${OK}Content-Length: 100\r\n\r\nabc`), CUT_OFF],
  [
    'says more than it announced',
    writing(`${OK}Content-Length: 3\r\n\r\nabcdef`),
    { kind: 'answer', status: 200, body: 'abc' },
  ],
  ['is no web server', writing('SSH-2.0-OpenSSH_9.2\r\n'), { kind: 'failed', why: 'it does not speak HTTP' }],
  [
    'compresses unasked',
    writing(answer('abc', '200 OK', 'Content-Encoding: gzip\r\n')),
    { kind: 'failed', why: 'it sends compressed what it was not asked to' },
  ],
  ['fails', writing(answer('no', '500 No')), { kind: 'answer', status: 500, body: 'no' }],
  ['redirects', writing(answer('', '302 Found', 'Location: /other\r\n')), { kind: 'answer', status: 302, body: '' }],
  ['says nothing', writing('HTTP/1.1 204 No Content\r\n\r\n'), { kind: 'answer', status: 204, body: '' }],
  ['answers', writing(answer('grüß')), { kind: 'answer', status: 200, body: 'grüß' }],
  ['begins with a byte order mark', writing(answer('\ufeff{}')), { kind: 'answer', status: 200, body: '{}' }],
]

describe('An HTTP call', () => {
  let client: UndiciHttpClient
  let server: Server
  let url: URL
  let asked: string[]
  const open = new Set<Socket>()
  /** Does to each connection what it is told, each time it is asked. */
  let behave: (socket: Socket) => void

  beforeEach(async () => {
    client = new UndiciHttpClient(systemClock)
    asked = []
    server = createServer((socket) => {
      open.add(socket)
      socket.on('error', () => {}).on('close', () => open.delete(socket))
      socket.on('data', (data) => {
        asked.push(data.toString())
        behave(socket)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/contacts/alice`)
  })
  afterEach(async () => {
    await client.close()
    for (const socket of open) socket.destroy()
    await once(server.close(), 'close')
  })

  const call = (said: Partial<HttpCall> = {}, signal = new AbortController().signal) =>
    client.call({ method: 'GET', url, headers: {}, timeoutMs: 5000, maxBytes: 1000, ...said }, signal)

  for (const [what, does, expected] of MISBEHAVIOURS) {
    it(`copes with a server that ${what}`, async () => {
      behave = does
      assert.deepEqual(await call(expected === TOO_LATE ? { timeoutMs: 300 } : {}), expected)
      if ((expected as { kind: string }).kind !== 'failed') return
      // What is still to come is not waited for.
      behave = writing(answer('again'))
      assert.deepEqual(await call(), { kind: 'answer', status: 200, body: 'again' })
    })
  }

  it('says what it was told to say, and no more', async () => {
    behave = writing(answer('yes'))
    url.username = 'g%40teway'
    url.password = 'p%3A%zz'
    const headers = { host: 'example.org', accept: 'application/json' }
    await call({ method: 'POST', headers, body: '["grüß"]' })
    const authorization = `Basic ${Buffer.from('g@teway:p%3A%zz').toString('base64')}`
    const [head = '', body] = asked.join('').split('\r\n\r\n')
    assert.deepEqual(
      [head.split('\r\n')[0], ...head.split('\r\n').slice(1).sort()],
      [
        'POST /contacts/alice HTTP/1.1',
        'accept: application/json',
        `authorization: ${authorization}`,
        'connection: keep-alive',
        'content-length: 10',
        'host: example.org',
      ],
    )
    assert.equal(body, '["grüß"]')
    assert.match(url.href, /g%40teway/)
  })

  it('keeps the connection for the next one', async () => {
    behave = writing(answer('yes'))
    for (let n = 0; n < 10; n++) assert.equal((await call()).kind, 'answer')
    // A call may begin a moment before the one before has left its connection.
    assert(open.size <= 2, `${open.size} connections`)
  })

  it('is repeated once when a kept connection turns out to be closed, but only if it changes nothing', async () => {
    const once = () => {
      behave = (socket) => {
        behave = writing(answer('again'))
        socket.end()
      }
    }
    behave = writing(answer('first'))
    await call()
    once()
    assert.deepEqual(await call(), { kind: 'answer', status: 200, body: 'again' })
    once()
    assert.deepEqual(await call({ method: 'POST', body: '[]' }), CUT_OFF)
  })

  it('says of what cannot be reached why, without the password', async () => {
    const [port] = await freePorts(1)
    for (const [host, why] of [
      [`127.0.0.1:${port}`, 'it refuses the connection'],
      [`127.0.0.1:${url.port}`, 'it does not speak HTTP'],
    ] as const) {
      behave = writing('no\r\n\r\n')
      const failed = await call({ url: new URL(`http://user:secret@${host}/`) })
      assert.deepEqual(failed, { kind: 'failed', why })
    }
    const nowhere = await call({ url: new URL('http://user:secret@nobody.invalid/') })
    assert(nowhere.kind === 'failed')
    // Where there is no name server, that is said, or it is waited for.
    assert.match(nowhere.why, /there is no such host|its name cannot be looked up now|it took longer/)
    behave = (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    const tls = await call({ url: new URL(`https://user:secret@127.0.0.1:${url.port}/`) })
    assert(tls.kind === 'failed')
    assert.match(tls.why, /^it does not speak TLS \([A-Z_]+\)$/)
  })

  it('leaves no timer behind', async () => {
    const clock = new FakeClock()
    const timed = new UndiciHttpClient(clock)
    behave = writing(answer('yes'))
    const calling = timed.call(
      { method: 'GET', url, headers: {}, timeoutMs: 5000, maxBytes: 1000 },
      new AbortController().signal,
    )
    assert.equal(clock.timers, 1)
    assert.equal((await calling).kind, 'answer')
    assert.equal(clock.timers, 0)
    await timed.close()
  })

  it('never rejects, not even for headers that cannot be sent', async () => {
    assert.equal((await call({ headers: { host: 'a\r\nb' } })).kind, 'failed')
  })

  it('is given up when it is told to, before or while', async () => {
    const givenUp = { kind: 'failed', why: 'it was given up' }
    assert.deepEqual(await call({}, AbortSignal.abort()), givenUp)
    assert.deepEqual(asked, [])
    behave = () => {}
    const giving = new AbortController()
    const calling = call({}, giving.signal)
    await until(() => asked.length > 0)
    giving.abort()
    assert.deepEqual(await calling, givenUp)
  })

  it('ends with its client, which leaves no connection behind', async () => {
    behave = writing(answer('yes'))
    await call()
    behave = () => {}
    const calling = call()
    await until(() => asked.length > 1)
    await client.close()
    assert.deepEqual(await calling, { kind: 'failed', why: 'it was given up' })
    await until(() => open.size === 0)
    assert.deepEqual(await call(), { kind: 'failed', why: 'it was given up' })
  })
})
