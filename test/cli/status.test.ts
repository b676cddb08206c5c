import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePorts } from '../support/ports.js'
import { cli } from './cli.js'

const NS = 'xmlns="jabber:client"'
const XA = `<presence ${NS} from="support@example.org"><show>xa</show><status>text</status><query xmlns="jabber:iq:last" seconds="8973"/></presence>`
const failure = (type: string, condition: string) =>
  `<presence ${NS} type="error"><error type="${type}"><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>`

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Plays a status API, such as tiggersWelt's. */
class FakeApi {
  readonly asked: IncomingMessage[] = []
  answer: Answer = xml(XA)
  readonly #server: Server = createServer((request, response) => {
    this.asked.push(request)
    this.answer(request, response)
  })

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

function xml(body: string, status = 200, headers: Record<string, string> = {}): Answer {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(body)
}

describe('presence-gateway status', () => {
  let api: FakeApi
  before(async () => {
    api = new FakeApi()
    await api.start()
  })
  after(() => api.stop())

  const status = (...args: string[]) => cli(['status', 'support@example.org', '--url', api.url, ...args])

  it("reads tiggersWelt's API", async () => {
    api.answer = xml(XA)
    const { code, lines } = await status()
    assert.equal(code, 0)
    assert.deepEqual(lines.slice(0, 3), ['jid        support@example.org', 'show       xa', 'text       text'])
    assert.match(lines[3] ?? '', /^last {7}2 h 29 min ago, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(lines.length, 4)
    assert.equal(api.asked.at(-1)?.headers.accept, 'application/xml')
  })

  it('asks at the same place however the base is written', async () => {
    api.answer = xml(XA)
    for (const end of ['', '/', '/xmpp/status', '/xmpp/status/', '/?a=b#c']) {
      assert.equal((await cli(['status', 'a@x.org', '--url', api.url + end])).code, 0)
      assert.equal(api.asked.at(-1)?.url, '/xmpp/status/a@x.org')
    }
    await cli(['status', 'a@x.org', '--url', `${api.url}/presence/`])
    assert.equal(api.asked.at(-1)?.url, '/presence/xmpp/status/a@x.org')
  })

  it('keeps each character of a JID in the path', async () => {
    api.answer = xml(XA)
    await cli(['status', 'd\\27artagnan?#%+é@x.org', '--url', api.url])
    assert.equal(api.asked.at(-1)?.url, '/xmpp/status/d%5C27artagnan%3F%23%25%2B%C3%A9@x.org')
  })

  it('sends the user and password of the URL as Basic authentication', async () => {
    api.answer = xml(XA)
    const { code } = await cli(['status', 'a@x.org', '--url', `http://me:p%40ss@127.0.0.1:${api.port}`])
    assert.equal(code, 0)
    assert.equal(api.asked.at(-1)?.headers.authorization, `Basic ${Buffer.from('me:p@ss').toString('base64')}`)
  })

  it('counts offline as an answer, and tells how fresh it is', async () => {
    api.answer = xml(`<presence ${NS} from="a@x" type="unavailable"/>`, 200, { 'presence-freshness': 'stale' })
    const { code, output } = await status()
    assert.equal(code, 0)
    assert.equal(output, 'jid        a@x\nshow       offline\nfreshness  stale\n')
  })

  it('prints our own JSON with --json', async () => {
    api.answer = xml(XA, 200, { 'presence-freshness': 'live' })
    const { since, ...rest } = JSON.parse((await status('--json')).output)
    assert.deepEqual(rest, {
      jid: 'support@example.org',
      status: 'away',
      show: 'xa',
      text: 'text',
      seconds: 8973,
      freshness: 'live',
    })
    assert.ok(Math.abs(Date.now() - 8_973_000 - Date.parse(since)) < 10_000)
  })

  it('lets no control character of a text reach the terminal', async () => {
    api.answer = xml(`<presence ${NS} from="a@x"><status>a&#10;b&#9;c&#155;31m&#127;</status></presence>`)
    for (const args of [[], ['--json']]) {
      const { code, output } = await status(...args)
      assert.equal(code, 0)
      for (const line of output.trimEnd().split('\n')) assert.doesNotMatch(line, /\p{Cc}/u)
    }
  })

  for (const [condition, type, httpStatus, code, message] of [
    ['item-not-found', 'cancel', 404, 1, /^presence-gateway: support@example.org: not found: /m],
    ['item-not-found', 'cancel', 200, 1, /not found/],
    ['remote-server-timeout', 'wait', 503, 1, /unknown: the API has lost sight/],
    ['jid-malformed', 'modify', 400, 2, /not a JID, says the API/],
    ['forbidden', 'auth', 403, 1, /with the error forbidden/],
  ] as const) {
    it(`says what ${condition} means (HTTP ${httpStatus})`, async () => {
      api.answer = xml(failure(type, condition), httpStatus)
      const plain = await status()
      assert.equal(plain.code, code)
      assert.match(plain.output, message)
      assert.equal(plain.output.trimEnd().split('\n').length, 1)
      const { lines } = await status('--json')
      assert.deepEqual(JSON.parse(lines[0] ?? ''), { jid: 'support@example.org', error: condition })
    })
  }

  const laughs = `<!DOCTYPE l [<!ENTITY a "${'ha'.repeat(100)}">${'bcdefgh'
    .split('')
    .map((name, i) => `<!ENTITY ${name} "${`&${'abcdefg'[i]};`.repeat(10)}">`)
    .join('')}]><presence ${NS}><status>&h;</status></presence>`
  const drip: Answer = (_, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write('<'), 200)
    response.on('close', () => clearInterval(timer))
  }
  const endless: Answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/xml' })
    const more = () => {
      while (response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  }
  for (const [what, answer, message] of [
    ['mismatched tags', xml(`<presence ${NS}><show>xa</status></presence>`), /is no status API: .* not well-formed/],
    ['a DOCTYPE', xml(`<!DOCTYPE presence>${XA}`), /is no status API: .* DOCTYPE/],
    ['a billion laughs', xml(laughs), /is no status API: .* DOCTYPE/],
    ['HTML', xml('<!doctype html><p>It works!', 200, { 'content-type': 'text/html' }), /is no status API/],
    ['another namespace', xml('<presence xmlns="x"/>'), /is no status API: .* namespace/],
    ['10 MB', xml(`<presence ${NS}>${' '.repeat(10_000_000)}</presence>`), /longer than 64 KiB/],
    ['10 MB in gzip', gzipped(10_000_000), /longer than 64 KiB/],
    ['more and more', endless, /longer than 64 KiB/],
    ['nothing', xml(''), /is no status API/],
    ['404 in HTML', xml('<html></html>', 404), /answers 404, and not as a status API does/],
    ['a presence with 500', xml(XA, 500), /answers 500, and not as a status API does/],
    ['a broken connection', (request) => request.socket.destroy(), /cannot be asked: it broke the connection off/],
    [
      'half an answer',
      (_, response) => response.writeHead(200, { 'content-length': 999 }).write('<pre', () => response.destroy()),
      /cannot be asked/,
    ],
    [
      'a redirect to another host',
      xml('', 302, { location: 'http://evil.example/xmpp/status/a' }),
      /sends us elsewhere, to http:\/\/evil\.example/,
    ],
    ['a redirect to a file', xml('', 302, { location: 'file:///etc/passwd' }), /sends us elsewhere/],
    ['redirects without end', xml('', 302, { location: '/xmpp/status/again' }), /sends us elsewhere/],
  ] as [string, Answer, RegExp][]) {
    it(`is not taken in by ${what}`, async () => {
      api.answer = answer
      const { code, lines, output } = await status()
      assert.equal(code, 1)
      assert.equal(lines.length, 0)
      assert.match(output, message)
      assert.match(output, /^presence-gateway: [^\n]+\n$/)
    })
  }

  for (const [what, answer] of [
    ['never answers', () => {}],
    ['answers a byte at a time', drip],
  ] as [string, Answer][]) {
    it(`gives up when the API ${what}`, async () => {
      api.answer = answer
      const { code, output, tookMs } = await status()
      assert.equal(code, 1)
      assert.match(output, /no whole answer within 10 s/)
      assert.ok(tookMs < 13_000)
    }).timeout(20_000)
  }

  it('follows a redirect on the same host', async () => {
    api.answer = (request, response) => {
      if (request.url === '/there') return xml(XA)(request, response)
      return xml('', 301, { location: '/there' })(request, response)
    }
    const { code, output } = await status()
    assert.equal(code, 0)
    assert.match(output, /show {7}xa/)
  })

  it('says so when nothing listens, or there is no such host', async () => {
    const [port] = await freePorts(1)
    const nothing = await cli(['status', 'a@x', '--url', `http://127.0.0.1:${port}`])
    assert.equal(nothing.code, 1)
    assert.match(nothing.output, /cannot be asked: nothing listens there\n$/)
    const nowhere = await cli(['status', 'a@x', '--url', 'http://no-such-host.invalid'])
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.output, /cannot be asked: its host name cannot be resolved\n$/)
  })
})

function gzipped(bytes: number): Answer {
  return async (_, response) => {
    const { gzipSync } = await import('node:zlib')
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(bytes, ' ')))
  }
}
