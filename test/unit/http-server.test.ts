import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { HttpServer } from '../../src/http/http-server.js'
import { Turns } from '../../src/http/turns.js'
import { until } from '../support/until.js'

const MOST = 3

describe('An HTTP server with as many connections as it takes', () => {
  let server: HttpServer
  let port: number
  const sockets: Socket[] = []

  beforeEach(async () => {
    const first = {
      handle: (_: unknown, response: { end(text: string): void }) => {
        response.end('here')
        return true
      },
    }
    const options = { host: '127.0.0.1', port: 0, maxConnections: MOST }
    server = new HttpServer(options, new Turns(), first, () => {}, assert.ifError)
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

  it('refuses new ones while all are in the middle of something', async () => {
    for (let i = 0; i < MOST; i++) (await open()).write('GET / HTTP/1.1\r\nHost: ')
    await until(async () => !(await isAnswered()))
    assert(!(await isAnswered()))
    sockets[0]?.destroy()
    await until(isAnswered)
  })
})
