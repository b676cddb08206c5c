import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { HttpServer } from '../../src/http/http-server.js'
import { Turns } from '../../src/http/turns.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'

const MOST = 3

describe('An HTTP server with as many connections as it takes', () => {
  let server: HttpServer
  let port: number
  let clock: FakeClock
  const sockets: Socket[] = []

  beforeEach(async () => {
    const first = {
      handle: (_: unknown, response: { end(text: string): void }) => {
        response.end('here')
        return true
      },
    }
    clock = new FakeClock()
    const options = { host: '127.0.0.1', port: 0, maxConnections: MOST }
    const parts = { turns: new Turns(), clock, first, rest: () => {}, failed: assert.ifError }
    server = new HttpServer(options, parts)
    port = Number(new URL(await server.start()).port)
  })

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await server.stop()
  })

  async function open(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  async function isAnswered(): Promise<boolean> {
    const socket = await open()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const text = await Promise.race([once(socket, 'data'), once(socket, 'close')])
    return String(text[0]).startsWith('HTTP/1.1 200')
  }

  it('takes new ones in place of those that are only kept', async () => {
    for (let i = 0; i < MOST; i++) assert(await isAnswered())
    await until(isAnswered)
  })

  it('looks for such at most once a second', async () => {
    for (let i = 0; i < MOST; i++) assert(await isAnswered())
    await until(isAnswered)
    for (let i = 1; i < MOST; i++) assert(await isAnswered())
    for (let i = 0; i < 5; i++) assert(!(await isAnswered()))
    clock.pass(1000)
    await until(isAnswered)
  })

  it('refuses new ones while all are in the middle of something', async () => {
    for (let i = 0; i < MOST; i++) (await open()).write('GET / HTTP/1.1\r\nHost: ')
    await until(async () => !(await isAnswered()))
    assert(!(await isAnswered()))
    sockets[0]?.destroy()
    await until(isAnswered)
  })
})

describe('An HTTP server with memory for what 2,000 bytes of pipelining clients leave unhandled', () => {
  const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  // Of which 16 are handled at once, and the rest is more than half of what there is memory for.
  const SOME = 70
  let server: HttpServer
  let clock: FakeClock
  let port: number
  const waiting: ServerResponse[] = []
  const sockets: Socket[] = []

  beforeEach(async () => {
    clock = new FakeClock()
    const first = { handle: (_: unknown, response: ServerResponse) => waiting.push(response) > 0 }
    const options = { host: '127.0.0.1', port: 0, unhandledBytes: 2000 }
    const parts = { turns: new Turns(), clock, first, rest: () => {}, failed: assert.ifError }
    server = new HttpServer(options, parts)
    port = Number(new URL(await server.start()).port)
  })

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    const stopped = server.stop()
    clock.pass(3000)
    await stopped
    waiting.splice(0)
    await until(() => clock.timers === 0)
  })

  /** With so many requests at once. */
  function open(requests: number): { socket: Socket; answers: () => number; closed: () => boolean } {
    let text = ''
    let closed = false
    const socket = connect(port, '127.0.0.1')
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        text += bytes
      })
      .once('close', () => {
        closed = true
      })
    socket.write(REQUEST.repeat(requests))
    sockets.push(socket)
    return { socket, answers: () => text.split('HTTP/1.1 200').length - 1, closed: () => closed }
  }

  async function untilAnswered({ answers }: { answers: () => number }): Promise<void> {
    await until(() => {
      for (const response of waiting.splice(0)) response.end()
      return answers() === SOME
    })
  }

  it('cuts off who alone would take more', async () => {
    const { closed } = open(100)
    await until(closed)
  })

  it('cuts off who leaves more than others let, and takes as much again once theirs is handled', async () => {
    const one = open(SOME)
    await until(() => clock.timers > 0)
    const other = open(SOME)
    await until(other.closed)
    await untilAnswered(one)
    await untilAnswered(open(SOME))
    assert(!one.closed())
  })

  it('cuts off who waits for 10 s for an answer, and takes as much again', async () => {
    const deaf = open(SOME)
    await until(() => clock.timers > 0)
    waiting.splice(0)
    clock.pass(10_000)
    await until(deaf.closed)
    await untilAnswered(open(SOME))
  })
})
