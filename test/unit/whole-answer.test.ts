import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { WholeAnswer } from '../../src/http/whole-answer.js'
import { type Bytes, utf8 } from '../../src/presence/bytes.js'
import { FakeClock } from './fake-clock.js'

const ALWAYS = ['Cache-Control', 'no-cache', 'Keep-Alive', 'timeout=10']
const ANSWERS: Readonly<Record<string, { code: number; own: readonly string[]; body: Bytes | null }>> = {
  '/ascii': { code: 200, own: ['ETag', 'W/"a"', 'Content-Type', 'text/plain'], body: 'online' },
  '/text': { code: 200, own: ['Content-Type', 'text/plain; charset=utf-8'], body: utf8('Zoë is „out“ 🎉') },
  '/empty': { code: 200, own: [], body: '' },
  '/long': { code: 503, own: ['Retry-After', '30'], body: 'x'.repeat(300_000) },
  '/same': { code: 304, own: ['ETag', 'W/"a"'], body: null },
  '/options': { code: 204, own: ['Allow', 'GET'], body: null },
}

const LAST = 'GET /ascii HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'

describe('A whole answer', () => {
  const clock = new FakeClock(Date.UTC(2026, 10, 22, 13, 14, 15, 999))
  const servers: Server[] = []

  async function serving(listener: RequestListener): Promise<number> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    server.keepAliveTimeout = 0
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  const answerOf = (url = '') => ANSWERS[url] ?? { code: 404, own: [], body: null }
  const kinds = new Map([200, 204, 304, 404, 503].map((code) => [code, new WholeAnswer(code, ALWAYS)]))
  const ours = () =>
    serving((request, response) => {
      const { code, own, body } = answerOf(request.url)
      kinds.get(code)?.send(response, clock.now(), own, body)
    })
  const nodes = () =>
    serving((request, response) => {
      const { code, own, body } = answerOf(request.url)
      const length = body === null ? [] : ['Content-Length', String(body.length)]
      response.writeHead(code, [...ALWAYS, ...own, ...length]).end(body ?? undefined, 'latin1')
    })

  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections()
  })

  /** All that is answered until the server ends the connection. The last of them asks for that. */
  async function answered(port: number, requests: readonly string[]): Promise<string> {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    let text = ''
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.write(requests.join(''))
    await once(socket, 'end')
    socket.destroy()
    return text
  }

  /** Heads with their lines sorted, for their order says nothing; the date left out. */
  function comparable(text: string): string {
    return text.replace(/HTTP\/1\.1 (?:.+\r\n)+/g, (head) => {
      const [line, ...headers] = head.trimEnd().split('\r\n')
      const told = headers.map((header) => header.replace(/^Date: .*/, 'Date')).sort()
      return `${[line, ...told].join('\r\n')}\r\n`
    })
  }

  for (const version of ['1.0', '1.1']) {
    for (const connection of ['', 'Connection: keep-alive\r\n', 'Connection: close\r\n']) {
      const kind = `HTTP/${version} ${connection.trim() || 'with no word of its connection'}`
      it(`says what node:http would, to GET and HEAD, alone and pipelined: ${kind}`, async () => {
        const [our, theirs] = [await ours(), await nodes()]
        const ask = (method: string, url: string) => `${method} ${url} HTTP/${version}\r\nHost: h\r\n${connection}\r\n`
        const all = Object.keys(ANSWERS).flatMap((url) => [ask('GET', url), ask('HEAD', url)])
        for (const requests of [...all.map((request) => [request, LAST]), [...all, LAST]]) {
          const [told, expected] = [await answered(our, requests), await answered(theirs, requests)]
          assert.equal(comparable(told), comparable(expected), requests.join(''))
        }
      })
    }
  }

  it('has the date of its second', async () => {
    const port = await ours()
    const ask = [
      'GET /ascii HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /ascii HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
    ]
    assert.match(await answered(port, ask), /\r\nDate: Sun, 22 Nov 2026 13:14:15 GMT\r\n/)
    clock.pass(1)
    assert.match(await answered(port, ask), /\r\nDate: Sun, 22 Nov 2026 13:14:16 GMT\r\n/)
  })
})
