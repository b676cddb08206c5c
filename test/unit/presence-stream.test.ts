import assert from 'node:assert/strict'
import { RawHttp } from '../support/raw-http.js'
import { until } from '../support/until.js'
import { APP, KEY, OTHER, StreamServer } from './stream-server.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid, presence } from './users.js'

const ALICE = jid('alice@h')
const BOB = jid('bob@h')
const PATH = `/${APP}/presence.json`
const HEAD_LINES = `GET ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n`
const CURSOR = /[\w-]{22}/g
const DATE = /Date: .*? GMT/

/** An open answer, as bytes. */
class Reader {
  readonly raw: RawHttp

  private constructor(raw: RawHttp) {
    this.raw = raw
  }

  static async open(server: StreamServer, request = `${HEAD_LINES}\r\n`): Promise<Reader> {
    const raw = await RawHttp.open(server.port)
    raw.socket.write(request)
    return new Reader(raw)
  }

  get head(): string {
    return this.raw.received.split('\r\n\r\n')[0] ?? ''
  }

  /** Out of its chunks (RFC 9112 §7.1); the last, empty one as `<end>`. */
  get body(): string {
    let rest = this.raw.received.slice(this.head.length + 4)
    if (!/^transfer-encoding: chunked\r?$/im.test(this.head)) return rest
    let body = ''
    for (;;) {
      const [line = '', size = ''] = /^([0-9a-f]+)\r\n/.exec(rest) ?? []
      const length = Number.parseInt(size, 16)
      if (line === '' || rest.length < line.length + length + 2) return body
      if (length === 0) return `${body}<end>`
      body += rest.slice(line.length, line.length + length)
      rest = rest.slice(line.length + length + 2)
    }
  }

  async until(text: string | RegExp): Promise<string> {
    const isThere = () => (typeof text === 'string' ? this.body.includes(text) : text.test(this.body))
    return until(() => isThere() && this.body, 5000, `${text} in ${JSON.stringify(this.body)}`)
  }

  /** Until the server has ended the connection. */
  async ended(): Promise<void> {
    await until(() => this.raw.socket.readableEnded || this.raw.socket.destroyed, 5000, 'the end of the connection')
  }

  get cursors(): string[] {
    return [...this.body.matchAll(/"cursor":"([\w-]{22})"/g)].map(([, cursor = '']) => cursor)
  }
}

describe('The presence stream over HTTP', () => {
  const directory = temporaryDirectory()
  let server: StreamServer
  const readers: Reader[] = []
  beforeEach(async () => {
    server = new StreamServer(directory())
    await server.start()
  })
  afterEach(async () => {
    for (const { raw } of readers.splice(0)) raw.socket.destroy()
    await server.stop()
  })

  async function open(request?: string): Promise<Reader> {
    const reader = await Reader.open(server, request)
    readers.push(reader)
    return reader
  }

  async function change(user: typeof ALICE, show: 'online' | 'away' | 'dnd'): Promise<void> {
    server.board.put(user, 'a', presence({ show }))
    await server.clock.passing(5)
  }

  async function ticketFor(uids: readonly string[], ttl = '15m'): Promise<string> {
    const response = await fetch(server.url(`/${APP}/tickets`), {
      method: 'POST',
      headers: { Authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ uids, ttl }),
    })
    return ((await response.json()) as { ticket: string }).ticket
  }

  /** Of what is no stream. */
  async function asked(request: string): Promise<[status: number, head: string, body: string]> {
    const [answer] = await RawHttp.ask(server.port, request)
    assert.ok(answer)
    return [answer.status, answer.head, answer.body]
  }

  it('is lines: everybody, ready, what changes, to the byte', async () => {
    const alice = await server.grant(ALICE)
    await change(ALICE, 'away')
    const reader = await open()
    await reader.until('ready')
    const bob = await server.grant(BOB, { scope: ['status', 'details', 'address'] })
    await reader.until(bob)
    await change(BOB, 'dnd')
    await reader.until('unavailable')
    assert.equal(
      reader.head.replace(DATE, 'Date'),
      'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n' +
        'X-Content-Type-Options: nosniff\r\nDate\r\nConnection: close\r\nTransfer-Encoding: chunked',
    )
    const at = new Date(server.clock.now() - 5).toISOString()
    assert.equal(
      reader.body.replace(CURSOR, (text) => (reader.cursors.includes(text) ? '*' : text)),
      `{"presence":[["${alice}","away"]]}\n{"ready":true,"cursor":"*"}\n` +
        `{"presence":[["${bob}","unknown",{"show":"unknown","text":null,"since":null,"jid":"bob@h"}]],"cursor":"*"}\n` +
        `{"presence":[["${bob}","unavailable",{"show":"dnd","text":null,"since":"${at}","jid":"bob@h"}]],"cursor":"*"}\n`,
    )
  })

  it('is events for whoever asks for them: each line a message, its id the cursor', async () => {
    const alice = await server.grant(ALICE)
    const reader = await open(`${HEAD_LINES}Accept: text/event-stream\r\n\r\n`)
    await reader.until('ready')
    await change(ALICE, 'away')
    const body = await reader.until('away')
    assert.match(reader.head, /\r\nContent-Type: text\/event-stream\r\n/)
    const [first, second] = reader.cursors
    assert.equal(
      body,
      `data: {"presence":[["${alice}","unknown"]]}\n\n` +
        `id: ${first}\ndata: {"ready":true,"cursor":"${first}"}\n\n` +
        `id: ${second}\ndata: {"presence":[["${alice}","away"]],"cursor":"${second}"}\n\n`,
    )
  })

  it('goes on from a cursor of either kind; what the browser remembers goes before what its page once asked', async () => {
    const alice = await server.grant(ALICE)
    const reader = await open(`${HEAD_LINES}Accept: text/event-stream\r\n\r\n`)
    await reader.until('ready')
    await change(ALICE, 'away')
    await change(ALICE, 'dnd')
    await reader.until('unavailable')
    const [ready = '', away = '', busy = ''] = reader.cursors
    const asks = (said: string, header = '') => open(`${HEAD_LINES.replace(PATH, `${PATH}${said}`)}${header}\r\n`)
    const line = (status: string, cursor: string) => `{"presence":[["${alice}","${status}"]],"cursor":"${cursor}"}\n`
    const end = '{"ready":true,"cursor":"*"}\n'
    const read = async (reader: Reader) =>
      (await reader.until('ready')).replace(/("ready":true,"cursor":")[\w-]{22}/, '$1*')
    // What was missed comes as one.
    assert.equal(
      await read(await asks(`?since=${ready}`)),
      `{"presence":[["${alice}","away"],["${alice}","unavailable"]],"cursor":"${busy}"}\n${end}`,
    )
    assert.equal(await read(await asks(`?since=${away}`)), line('unavailable', busy) + end)
    const both = await asks(`?since=${ready}`, `Last-Event-ID: ${busy}\r\n`)
    assert.equal(await read(both), end)
    const none = await asks('?since=', 'Last-Event-ID:\r\n')
    assert.equal(await read(none), `{"presence":[["${alice}","unavailable"]]}\n${end}`)
    const twice = await asks(`?since=${busy}&since=${ready}`)
    assert.equal(await read(twice), end)
    for (const bad of ['x', `${busy}A`, '%00', 'A'.repeat(22), encodeURIComponent('😀')]) {
      const reset = await asks(`?since=${bad}`)
      assert.equal(await read(reset), `{"reset":true}\n{"presence":[["${alice}","unavailable"]]}\n${end}`)
    }
  })

  it("begins anew with another app's cursor", async () => {
    await server.grant(ALICE)
    const reader = await open()
    await reader.until('ready')
    const foreign = await open(`${HEAD_LINES.replace(PATH, `/${OTHER}/presence.json?since=${reader.cursors[0]}`)}\r\n`)
    assert.match(await foreign.until('ready'), /^\{"reset":true\}\n\{"presence":\[\]\}\n\{"ready":true,/)
  })

  it('says an empty line, or a comment, each 25 s in which it says nothing else', async () => {
    const alice = await server.grant(ALICE)
    const [plain, sse] = [await open(), await open(`${HEAD_LINES}Accept: text/event-stream\r\n\r\n`)]
    for (const reader of [plain, sse]) await reader.until('ready')
    await server.clock.passing(24_999)
    assert.match(plain.body, /"\}\n$/)
    await server.clock.passing(1)
    await plain.until(/"\}\n\n$/)
    await sse.until(/"\}\n\n:\n\n$/)
    await server.clock.passing(20_000)
    await change(ALICE, 'away')
    await server.clock.passing(24_999)
    await plain.until(/away.*\}\n$/)
    await server.clock.passing(1)
    await plain.until(/away.*\}\n\n$/)
    await server.clock.passing(25_000)
    await plain.until(/away.*\}\n\n\n$/)
    await sse.until(/away.*\}\n\n:\n\n:\n\n$/)
    assert.ok(plain.body.includes(alice))
  })

  it('tells of her who takes back her grant, and no more', async () => {
    const alice = await server.grant(ALICE)
    const reader = await open()
    const paged = await open(
      `GET ${PATH}?ticket=${await ticketFor([alice])} HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\n\r\n`,
    )
    for (const each of [reader, paged]) await each.until('ready')
    await server.revoke(ALICE)
    for (const each of [reader, paged]) await each.until(`[["${alice}","offline",{"revoked":true}]]`)
    await change(ALICE, 'dnd')
    await server.grant(BOB)
    await reader.until(/revoked.*\n.*unknown/)
    assert.ok(!reader.body.includes('unavailable') && !paged.body.includes('unavailable'))
  })

  it('opens for a page with a ticket, for its uids alone, and goes on when that has expired', async () => {
    const [alice] = [await server.grant(ALICE), await server.grant(BOB)]
    const ticket = await ticketFor([alice, `UID${'A'.repeat(22)}`], '1s')
    const request = `GET ${PATH}?ticket=${ticket} HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\n\r\n`
    const reader = await open(request)
    assert.match(
      await reader.until('ready'),
      new RegExp(`^\\{"presence":\\[\\["${alice}","unknown"\\]\\]\\}\\n\\{"ready"`),
    )
    assert.match(reader.head, /\r\nAccess-Control-Allow-Origin: \*\r\n/)
    await server.clock.passing(1000)
    await change(BOB, 'dnd')
    await change(ALICE, 'away')
    assert.ok(!(await reader.until('away')).includes('unavailable'))
    const [status, head, body] = await asked(request.replace('Host', 'Connection: close\r\nHost'))
    assert.equal(status, 401)
    assert.match(head, /Access-Control-Allow-Origin: \*/)
    assert.match(head, /WWW-Authenticate: Bearer realm="presence"/)
    assert.equal(body, '{"result":"KO","errno":112,"error":"this ticket is not valid, or not any more"}')
  })

  const KO = (errno: number, error: string) => JSON.stringify({ result: 'KO', errno, error })
  const NO_KEY = KO(111, 'there is no such app, or this is not its key, sent as Authorization: Bearer')
  const PAGE = KO(121, 'a page needs a ticket: a key never belongs in one')
  const GET = `GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
  const REFUSED: readonly [string, string, number, string][] = [
    ['no key', `${GET}\r\n`, 401, NO_KEY],
    ['a bad key', `${GET}Authorization: Bearer ${'x'.repeat(1024)}\r\n\r\n`, 401, NO_KEY],
    ['a key as Basic', `${GET}Authorization: Basic ${KEY}\r\n\r\n`, 401, NO_KEY],
    ['no such app', `${GET.replace(APP, 'app_x')}Authorization: Bearer ${KEY}\r\n\r\n`, 401, NO_KEY],
    ['a key from a page', `${GET}Authorization: Bearer ${KEY}\r\nOrigin: https://a\r\n\r\n`, 403, PAGE],
    ['a key from a page without a name', `${GET}Authorization: Bearer ${KEY}\r\nOrigin: null\r\n\r\n`, 403, PAGE],
    ['a page with nothing', `${GET}Origin: https://a\r\n\r\n`, 403, PAGE],
    [
      'an empty ticket',
      `${GET.replace(PATH, `${PATH}?ticket=`)}\r\n`,
      401,
      KO(112, 'this ticket is not valid, or not any more'),
    ],
    [
      'a bad ticket beside a good key',
      `${GET.replace(PATH, `${PATH}?ticket=x`)}Authorization: Bearer ${KEY}\r\n\r\n`,
      401,
      KO(112, 'this ticket is not valid, or not any more'),
    ],
    [
      'a body',
      `${GET}Authorization: Bearer ${KEY}\r\nContent-Length: 5\r\n\r\nhe`,
      400,
      KO(101, 'a stream is asked for without a body'),
    ],
    [
      'another method',
      `${GET.replace('GET', 'DELETE')}Authorization: Bearer ${KEY}\r\n\r\n`,
      405,
      KO(101, 'this method is not allowed here'),
    ],
  ]
  for (const [what, request, status, body] of REFUSED) {
    it(`is refused to ${what}`, async () => {
      const [answered, head, said] = await asked(request)
      assert.deepEqual([answered, said], [status, body])
      assert.equal(/^WWW-Authenticate: Bearer realm="presence"\r$/m.test(head), status === 401)
      assert.equal(server.open, 0)
    })
  }

  it('is refused to an app that is not active, and ends for it with the reason', async () => {
    const [reader, sse] = [await open(), await open(`${HEAD_LINES}Accept: text/event-stream\r\n\r\n`)]
    for (const each of [reader, sse]) await each.until('ready')
    server.deactivate(APP)
    const last = KO(122, 'this app is not active')
    assert.ok((await reader.until('<end>')).endsWith(`\n${last}\n<end>`))
    assert.ok((await sse.until('<end>')).endsWith(`\n\ndata: ${last}\n\n<end>`))
    for (const each of [reader, sse]) await each.ended()
    assert.deepEqual(
      (await asked(`${GET}Authorization: Bearer ${KEY}\r\n\r\n`)).slice(0, 3).filter((_, i) => i !== 1),
      [403, last],
    )
  })

  it('ends the oldest, with the reason, where an app opens one more than it may', async () => {
    const opened: Reader[] = []
    for (let i = 0; i < 11; i++) {
      const reader = await open()
      await reader.until('ready')
      opened.push(reader)
    }
    const body = await opened[0]?.until('<end>')
    assert.ok(body?.endsWith(`\n${KO(131, 'a newer stream of this app has taken its place')}\n<end>`))
    assert.equal(server.open, 10)
  })

  it('asks readers to come back when it stops, and ends', async () => {
    const [reader, sse] = [await open(), await open(`${HEAD_LINES}Accept: text/event-stream\r\n\r\n`)]
    for (const each of [reader, sse]) await each.until('ready')
    await server.dismiss()
    assert.match(await reader.until('<end>'), /\n\{"reconnect":1500\}\n<end>$/)
    assert.match(await sse.until('<end>'), /\n\nretry: 1500\ndata: \{"reconnect":1500\}\n\n<end>$/)
  })

  it('is one of few from one address', async () => {
    const many: Reader[] = []
    const ticket = await ticketFor([await server.grant(ALICE)])
    const request = `GET ${PATH}?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n`
    for (let i = 0; i < 100; i++) many.push(await open(`${request}\r\n`))
    for (const reader of many) await reader.until('ready')
    const [status, head, body] = await asked(`${request}Connection: close\r\n\r\n`)
    assert.deepEqual([status, body], [429, KO(140, 'too many streams are open from this address')])
    assert.match(head, /^Retry-After: 30\r$/m)
    many[0]?.raw.socket.resetAndDestroy()
    await until(() => server.open === 99)
    await (await open(`${request}\r\n`)).until('ready')
  })

  it('answers HEAD and a preflight, and keeps no place for them', async () => {
    const [status, head, body] = await asked(`${GET.replace('GET', 'HEAD')}Authorization: Bearer ${KEY}\r\n\r\n`)
    assert.deepEqual([status, body, server.open], [200, '', 0])
    assert.match(head, /^Content-Type: application\/x-ndjson\r\nCache-Control: no-store\r\n/)
    const preflight = `OPTIONS ${PATH}?ticket=x HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nConnection: close\r\n\r\n`
    const [answered, allowed] = await asked(preflight)
    assert.equal(answered, 204)
    assert.equal(
      allowed.replace(DATE, 'Date'),
      'Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: GET, HEAD\r\nAccess-Control-Allow-Headers: Last-Event-ID\r\n' +
        'Access-Control-Max-Age: 86400\r\nAllow: GET, HEAD, OPTIONS\r\nDate\r\nConnection: close\r\n',
    )
  })

  it('is plain bytes to who speaks HTTP/1.0', async () => {
    await server.grant(ALICE)
    const reader = await open(`${HEAD_LINES.replace('HTTP/1.1', 'HTTP/1.0')}\r\n`)
    await reader.until('ready')
    assert.ok(!/chunked/i.test(reader.head))
    assert.match(reader.body, /^\{"presence"/)
    server.deactivate(APP)
    await reader.ended()
    assert.match(reader.body, /"errno":122.*\n$/)
  })

  it('goes on for who has ended his side, and for who asks for more behind it, which is not answered', async () => {
    await server.grant(ALICE)
    const halved = await open()
    const early = await open()
    early.raw.socket.end()
    const piped = await open(`${HEAD_LINES}\r\n${HEAD_LINES}\r\n${'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50)}`)
    for (const each of [halved, early, piped]) await each.until('ready')
    halved.raw.socket.end()
    // An empty line asks whether anybody is still there.
    for (const each of [halved, early]) await each.until(/\}\n\n/)
    // For so long what was asked behind it waits; the server cuts off who is idle for as long.
    await server.clock.passing(10_000)
    await change(ALICE, 'away')
    for (const each of [halved, early, piped]) await each.until('away')
    piped.raw.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5000))
    await change(ALICE, 'dnd')
    for (const each of [halved, early, piped]) await each.until('unavailable')
    assert.equal(server.open, 3)
    piped.raw.socket.resetAndDestroy()
    await until(() => server.open === 2)
    server.deactivate(APP)
    for (const each of [halved, early]) await each.ended()
    assert.match(halved.body, /"errno":122.*\n<end>$/)
  })

  it('goes on for who sends nonsense behind it', async () => {
    await server.grant(ALICE)
    const reader = await open(`${HEAD_LINES}\r\n\0\0\0nonsense\r\n\r\n`)
    await reader.until('ready')
    reader.raw.socket.write('x'.repeat(1_000_000))
    await change(ALICE, 'away')
    await reader.until('away')
    reader.raw.socket.resetAndDestroy()
    await until(() => server.open === 0)
  })

  it('comes after what was asked before it on the same connection', async () => {
    const reader = await open(
      `${HEAD_LINES.replace(APP, 'app_x')}\r\n${HEAD_LINES.replace('GET', 'HEAD')}\r\n${HEAD_LINES}\r\n`,
    )
    await until(() => reader.raw.received.includes('ready'))
    const [one, two] = reader.raw.answers
    assert.deepEqual([one?.status, two?.status], [401, 200])
  })

  it('is over at once when the client is gone, however it goes', async () => {
    const { timers } = server.clock
    const [reset, closed] = [await open(), await open()]
    for (const each of [reset, closed]) await each.until('ready')
    assert.equal(server.open, 2)
    reset.raw.socket.resetAndDestroy()
    await until(() => server.open === 1)
    closed.raw.socket.destroy()
    // It may have ended its side only: what is written next is answered by a reset, and then nothing can be written.
    await until(async () => {
      await server.clock.passing(1000)
      return server.open === 0
    })
    assert.deepEqual(server.ended, ['left', 'left'])
    assert.equal(server.clock.timers, timers)
  })

  for (const [who, behind] of [
    ['who reads late', ''],
    ['who reads late and asks for more behind it', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3)],
  ] as const) {
    it(`gives all of it to ${who}`, async () => {
      await server.stop()
      server = new StreamServer(directory())
      await server.start({ streamBuffer: 1024 ** 3 })
      await server.grant(ALICE, { scope: ['status', 'details'] })
      const late = await open(`${HEAD_LINES}\r\n${behind}`)
      await late.until('ready')
      late.raw.socket.pause()
      const text = 'x'.repeat(500_000)
      // More than the kernel takes, so that some of it waits here.
      for (let i = 0; i < 30; i++) {
        server.board.put(ALICE, 'a', presence({ text: `${i}:${text}` }))
        await server.clock.passing(5)
      }
      const before = late.raw.received.length
      late.raw.socket.resume()
      await until(() => late.raw.received.length > before + 30 * text.length)
      await until(() => late.raw.received.includes('"29:xxx'))
      const heard = [...late.raw.received.matchAll(/"text":"(\d+):x/g)].map(([, i]) => Number(i))
      assert.deepEqual(
        heard,
        Array.from({ length: 30 }, (_, i) => i),
      )
      assert.equal(server.open, 1)
    })
  }

  it('cuts off who does not read, and frees at once what waits for him', async () => {
    await server.grant(ALICE, { scope: ['status', 'details'] })
    const stalled = await open()
    await stalled.until('ready')
    stalled.raw.socket.pause()
    const reader = await open()
    await reader.until('ready')
    const text = 'x'.repeat(500_000)
    for (let i = 0; server.open === 2 && i < 100; i++) {
      server.board.put(ALICE, 'a', presence({ text: `${i}${text}` }))
      await server.clock.passing(5)
    }
    assert.equal(server.open, 1)
    assert.deepEqual(server.ended, ['too-slow'])
    // It breaks off in the midst of it.
    stalled.raw.socket.resume()
    await stalled.ended()
    assert.ok(!stalled.raw.received.endsWith('\r\n0\r\n\r\n'))
    await change(ALICE, 'away')
    await until(() => reader.raw.received.includes('"away"'))
  })
})
