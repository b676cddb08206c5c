import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Resolve } from '../../src/http/judged-hosts.js'
import { OutboundPosts } from '../../src/http/outbound-posts.js'
import { freePorts } from '../support/ports.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'

const NONE = 'HTTP/1.1 204 No Content\r\n\r\n'
const NOT_PUBLIC = 'there is no such host on the public internet'
const TOO_LATE = 'it took longer than 15 s'

const writing = (text: string) => (socket: Socket) => void socket.write(text)

/** What a server does once it was asked → what came of it. */
const BEHAVIOURS: [string, (socket: Socket) => void, object][] = [
  ['answers', writing(NONE), { status: 204, retryAfter: null }],
  [
    'redirects',
    writing('HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'),
    { status: 302, retryAfter: null },
  ],
  [
    'asks for patience',
    writing('HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n'),
    { status: 429, retryAfter: '7' },
  ],
  [
    'answers without end',
    writing(`HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(200_000)}`),
    { status: 200, retryAfter: null },
  ],
  [
    'compresses',
    writing('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx'),
    { status: 200, retryAfter: null },
  ],
  ['hints', writing(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${NONE}`), { status: 204, retryAfter: null }],
  [
    'switches protocols',
    writing('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    { error: 'it closed the connection before its answer was whole' },
  ],
  [
    'answers up to its end',
    (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nthanks'),
    { status: 200, retryAfter: null },
  ],
  ['never answers', () => {}, { error: TOO_LATE }],
  ['never ends its answer', writing('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx'), { error: TOO_LATE }],
  ['is no web server', writing('SSH-2.0-OpenSSH_9.2\r\n'), { error: 'it does not speak HTTP' }],
  [
    'closes the connection',
    (socket) => void socket.end(),
    { error: 'it closed the connection before its answer was whole' },
  ],
  [
    'resets the connection',
    (socket) => void socket.resetAndDestroy(),
    { error: 'it closed the connection before its answer was whole' },
  ],
]

describe('A post to a stranger', () => {
  let clock: FakeClock
  let posts: OutboundPosts
  let server: Server
  let port: number
  let asked: string
  let connections: number
  let resolve: Resolve
  let behave: (socket: Socket) => void
  const open = new Set<Socket>()

  beforeEach(async () => {
    clock = new FakeClock()
    resolve = async () => ['127.0.0.1']
    posts = new OutboundPosts(['127.0.0.0/8'], clock, (name) => resolve(name))
    asked = ''
    connections = 0
    behave = writing(NONE)
    server = createServer((socket) => {
      connections++
      open.add(socket)
      socket.on('error', () => {}).on('close', () => open.delete(socket))
      socket.on('data', (data) => {
        asked += data.toString('latin1')
        // Once it has all of it; or it is no HTTP.
        if (!asked.startsWith('POST') || asked.endsWith('{}')) behave(socket)
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    await posts.close()
    await until(() => open.size === 0)
    await once(server.close(), 'close')
    assert.equal(clock.timers, 0)
  })

  const post = (url = `http://app.example:${port}/hook?a=b`) =>
    posts.post(new URL(url), { 'webhook-id': 'msg_1' }, '{}', 15_000)

  it('says what it says, and nothing of whoever let it be made', async () => {
    await post()
    assert.equal(
      asked,
      `POST /hook?a=b HTTP/1.1\r\nhost: app.example:${port}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n` +
        'user-agent: presence-gateway\r\nwebhook-id: msg_1\r\ncontent-length: 2\r\n\r\n{}',
    )
  })

  for (const [what, does, expected] of BEHAVIOURS) {
    it(`copes with a server that ${what}`, async () => {
      behave = does
      const posted = post()
      if (JSON.stringify(expected).includes(TOO_LATE)) {
        await until(() => asked !== '')
        await new Promise((done) => setTimeout(done, 20))
        clock.pass(15_000)
      }
      assert.deepEqual(await posted, expected)
    })
  }

  it('writes nothing where it is not wanted any more once there is a connection', async () => {
    let isWanted = true
    const lookedUp: ((addresses: string[]) => void)[] = []
    resolve = () => new Promise((done) => lookedUp.push(done))
    const posted = posts.post(new URL(`http://app.example:${port}/`), {}, '{}', 15_000, () => isWanted)
    await until(() => lookedUp.length === 1)
    isWanted = false
    lookedUp[0]?.(['127.0.0.1'])
    assert.deepEqual(await posted, { error: 'it was given up' })
    await until(() => connections === 1 && open.size === 0)
    assert.equal(asked, '')
  })

  it('goes by a connection that was kept', async () => {
    for (let n = 0; n < 20; n++) await post()
    // One may still be busy with its end when the next call begins.
    assert(connections <= 2, `${connections}`)
  })

  it('leads nobody into a private network, by whatever name, also when a connection is made anew', async () => {
    resolve = async () => ['10.0.0.1']
    assert.deepEqual(await post(), { error: NOT_PUBLIC })
    assert.deepEqual(await post('http://10.0.0.1:8000/'), { error: NOT_PUBLIC })
    assert.deepEqual(await post('http://[::1]:8000/'), { error: NOT_PUBLIC })
    resolve = async () => ['127.0.0.1', '10.0.0.1']
    assert.deepEqual(await post(), { error: NOT_PUBLIC })
    assert.deepEqual(await post('http://127.0.0.1:25/'), { error: 'port 25 is not one for the web' })
    assert.deepEqual(await post('http://a:b@127.0.0.1:8000/'), { error: 'it has a user name or a password in it' })
    resolve = async () => ['127.0.0.1']
    behave = writing('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
    assert.deepEqual(await post(), { status: 204, retryAfter: null })
    resolve = async () => ['10.0.0.1']
    assert.deepEqual(await post(), { error: NOT_PUBLIC })
    assert.equal(connections, 1)
  })

  it('tells what is wrong with a server that is not there, or speaks no TLS', async () => {
    const [free = 0] = await freePorts(1)
    assert.deepEqual(await post(`http://app.example:${free}/`), { error: 'it refuses the connection' })
    const { error = '' } = { ...(await post(`https://app.example:${port}/`)) } as { error?: string }
    assert.match(error, /^it does not speak TLS|^it closed the connection/)
  })

  it('ends with whoever makes them', async () => {
    behave = () => {}
    const posted = [post(), post()]
    await until(() => connections === 2)
    await posts.close()
    assert.deepEqual(await Promise.all(posted), [{ error: 'it was given up' }, { error: 'it was given up' }])
  })
})
