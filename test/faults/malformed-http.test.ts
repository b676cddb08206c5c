import assert from 'node:assert/strict'
import { PUBLISHED, PublishedGateway } from '../support/published-gateway.js'
import { RawHttp } from '../support/raw-http.js'

const STATUS = `/xmpp/status/${PUBLISHED}.txt`
const CLOSE = 'Host: x\r\nConnection: close\r\n'
const CHUNKED = 'POST /xmpp/status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
const get = (target: string, headers = CLOSE) => `GET ${target} HTTP/1.1\r\n${headers}\r\n`
const post = (headers: string, body: string) => `POST /xmpp/status HTTP/1.1\r\n${headers}\r\n${body}`
const MIB = 1024 * 1024

/** What is sent, and the statuses of all answers until the connection is closed. */
const CASES: readonly [string, string | Buffer, readonly number[]][] = [
  ['a header of 17 KB', get(STATUS, `${CLOSE}X: ${'x'.repeat(17_000)}\r\n`), [431]],
  ['a target of 17 KB', get(`${STATUS}?${'x'.repeat(17_000)}`), [431]],
  ['2,500 headers', get(STATUS, `${'A: b\r\n'.repeat(2500)}${CLOSE}`), [200]],
  ['a method of its own', `BREW ${STATUS} HTTP/1.1\r\n${CLOSE}\r\n`, [400]],
  ['a method in lower case', `get ${STATUS} HTTP/1.1\r\n${CLOSE}\r\n`, [400]],
  ['CONNECT', `CONNECT x:80 HTTP/1.1\r\n${CLOSE}\r\n`, []],
  ['a target in absolute form', get(`http://other.example${STATUS}`), [200]],
  ['HTTP/1.0', `GET ${STATUS} HTTP/1.0\r\n\r\n`, [200]],
  ['HTTP/3.0', `GET ${STATUS} HTTP/3.0\r\n${CLOSE}\r\n`, [400]],
  ['no Host', get(STATUS, ''), [400]],
  ['two Hosts', get(STATUS, `${CLOSE}host: y\r\n`), [400]],
  ['the same Host twice', get(STATUS, `Host: x\r\n${CLOSE}`), [400]],
  ['a Host that is none', get(STATUS, 'Host: x/y\r\n'), [400]],
  ['a Host with a name in it', get(STATUS, 'Host: me@x\r\n'), [400]],
  ['a Host of IPv6', get(STATUS, CLOSE.replace('x', '[::1]:8080')), [200]],
  ['an empty Host', get(STATUS, CLOSE.replace('x', '')), [200]],
  ['two Hosts for a page', get('/', `${CLOSE}Host: y\r\n`), [400]],
  ['two Hosts for a roster', get('/roster/x/y', `${CLOSE}Host: y\r\n`), [400]],
  ['two Hosts and a body', post(`Host: x\r\nHost: y\r\nContent-Length: 11\r\n`, '{"jids":[]}'), [400]],
  ['two Hosts and another Expect', get(STATUS, `${CLOSE}Host: y\r\nExpect: 200-ok\r\n`), [400]],
  ['line feeds alone', `GET ${STATUS} HTTP/1.1\n${CLOSE.replaceAll('\r', '')}\n`, [400]],
  ['a header folded over two lines', get(STATUS, `X: a\r\n b\r\n${CLOSE}`), [400]],
  ['a NUL in a header', get(STATUS, `X: a\0b\r\n${CLOSE}`), [400]],
  ['a preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
  ['the hello of TLS', Buffer.from('16030100c8010000c40303', 'hex'), [400]],
  ['an offer of h2c', get(STATUS, `${CLOSE.replace('close', 'Upgrade, close')}Upgrade: h2c\r\n`), [200]],
  ['an offer of WebSocket', get(STATUS, `${CLOSE.replace('close', 'Upgrade, close')}Upgrade: websocket\r\n`), [200]],
  ['Expect: 100-continue', post(`${CLOSE}Expect: 100-continue\r\nContent-Length: 11\r\n`, '{"jids":[]}'), [100, 200]],
  ['another Expect', post(`${CLOSE}Expect: 200-ok\r\nContent-Length: 11\r\n`, '{"jids":[]}'), [417]],
  ['GET with a body', `GET ${STATUS} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello${get(STATUS)}`, [200, 200]],
  [
    'Content-Length and Transfer-Encoding',
    post('Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    [400],
  ],
  ['two lengths', post('Host: x\r\nContent-Length: 11\r\nContent-Length: 12\r\n', '{"jids":[]} '), [400]],
  ['a length below zero', post('Host: x\r\nContent-Length: -1\r\n', ''), [400]],
  ['a blank before the colon', post('Host: x\r\nContent-Length : 11\r\n', '{"jids":[]}'), [400]],
  ['an unknown Transfer-Encoding', post('Host: x\r\nTransfer-Encoding: chunked, x\r\n', '0\r\n\r\n'), [400]],
  ['a chunk of no size', `${CHUNKED}zz\r\n`, [400]],
  ['a chunk with 20 KB of extensions', `${CHUNKED}1;${'x'.repeat(20_000)}\r\n `, [413]],
  ['a body of 2 MiB', post(`Host: x\r\nContent-Length: ${2 * MIB}\r\n`, ' '.repeat(2 * MIB)), [413]],
  ['a body said to be of 1 GiB', post(`Host: x\r\nContent-Length: ${1024 * MIB}\r\n`, '{'), [413]],
  ['chunks of 2 MiB', `${CHUNKED}200000\r\n${' '.repeat(2 * MIB)}`, [413]],
]

describe('A gateway asked in malformed or unusual HTTP', function () {
  this.timeout(60_000)
  let published: PublishedGateway

  before(async () => {
    published = await PublishedGateway.start()
  })

  after(async () => {
    await published?.stop()
  })

  for (const [what, bytes, expected] of CASES) {
    it(`answers ${what} with ${expected.join(' and ') || 'nothing'}, and closes`, async () => {
      const answers = await RawHttp.ask(published.port, bytes)
      assert.deepEqual(
        answers.map(({ status }) => status),
        expected,
      )
    })
  }

  it('answers also who sends all of a body that is too long before reading', async () => {
    const length = 16 * MIB
    const raw = await RawHttp.open(published.port)
    raw.socket.pause()
    const head = post(`Host: x\r\nContent-Length: ${length}\r\n`, '')
    await new Promise<void>((resolve, reject) => {
      raw.socket.write(head + ' '.repeat(length), (error) => (error ? reject(error) : resolve()))
    })
    raw.socket.resume()
    const [answer] = await raw.untilEnd()
    assert.equal(answer?.status, 413)
    assert.match(answer.head, /^Connection: close\r$/m)
    assert.equal(JSON.parse(answer.body).errno, 103)
  })

  it('says as JSON what was wrong with what is no request', async () => {
    const faults: readonly [string, number, RegExp][] = [
      [`GET /xmpp/status/alice@m\u00fcller.example HTTP/1.1\r\n${CLOSE}\r\n`, 101, /percent-encoded/],
      [get(STATUS, `${CLOSE}X: ${'x'.repeat(17_000)}\r\n`), 103, /16 KiB/],
      ['hello\r\n\r\n', 101, /HTTP/],
      [get(STATUS, ''), 101, /no Host/],
      [get(STATUS, 'Host: x\r\nHost: y\r\n'), 101, /more than one Host/],
      [get(STATUS, 'Host: x/y\r\n'), 101, /not a host/],
    ]
    for (const [bytes, errno, error] of faults) {
      const [answer] = await RawHttp.ask(published.port, bytes)
      assert.match(answer?.head ?? '', /^Content-Type: application\/json; charset=utf-8\r$/m)
      assert.match(answer?.head ?? '', /^Connection: close\r$/m)
      const body = JSON.parse(answer?.body ?? '')
      assert.deepEqual(Object.keys(body), ['result', 'errno', 'error'])
      assert.equal(body.errno, errno)
      assert.match(body.error, error)
    }
  })

  it('answers HEAD with a body, and what is asked after it', async () => {
    const raw = await RawHttp.open(published.port)
    raw.socket.write(`HEAD ${STATUS} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello${get(STATUS)}`)
    await raw.untilEnd()
    assert.match(raw.received, /^HTTP\/1\.1 200 .*?\r\n\r\nHTTP\/1\.1 200 .*?\r\n\r\naway$/s)
  })

  it('has nothing unexpected to log after all that, and answers on', async () => {
    assert.equal((await published.gateway.status(PUBLISHED)).status, 200)
    assert.deepEqual(
      published.gateway.logLines.filter(({ level }) => Number(level) >= 50),
      [],
    )
  })
})
