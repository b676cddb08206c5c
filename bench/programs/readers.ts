// Many apps at their WebSockets: no more than counts what they are told, so that whoever tells them is the slower.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { answerCalls } from '../support/answer-calls.js'
import { FrameReader } from '../support/frame-reader.js'
import { steadyMs } from '../support/steady-ms.js'

const OPENED_AT_ONCE = 200
const WITHIN_MS = 60_000
const SEQUENCE = /In a meeting until (\d+)/g

export interface ReaderOf {
  /** With the slash, and the ticket if it has one. */
  readonly path: string
  readonly key: string | null
}

const sockets: Socket[] = []
/** What is to be done with a frame, once all are there. */
let heard: (payload: Buffer, bytes: number) => void = () => {}
let lost: (why: string) => void = () => {}
let everybody: Promise<void> = Promise.resolve()

answerCalls({
  /** Resolves once all are told that they are ready. */
  async open({ port, readers }: { port: number; readers: readonly ReaderOf[] }): Promise<void> {
    for (let i = 0; i < readers.length; i += OPENED_AT_ONCE) {
      await Promise.all(readers.slice(i, i + OPENED_AT_ONCE).map((reader) => open(port, reader)))
    }
  },

  /** From now on each is to be told one thing more. */
  expect(): void {
    let left = sockets.length
    everybody = within((resolve) => {
      heard = () => {
        if (--left === 0) resolve()
      }
    })
  },

  /** Until they were. */
  everybody: () => everybody,

  /** Counts from now on. */
  count(): void {
    counted = { updates: 0, bytes: 0, at: {} }
    heard = (payload, bytes) => {
      counted.updates += updatesIn(payload)
      counted.bytes += bytes
    }
  },

  /** Notes from now on when it was told which text of a synthetic presence. */
  follow(): void {
    counted = { updates: 0, bytes: 0, at: {} }
    heard = (payload) => {
      const now = steadyMs()
      for (const [, n] of payload.toString('latin1').matchAll(SEQUENCE)) {
        counted.updates++
        counted.at[Number(n)] = now
      }
    }
  },

  /** What was counted so far. */
  counted: () => counted,
})

export interface Counted {
  updates: number
  bytes: number
  at: Record<number, number>
}
let counted: Counted = { updates: 0, bytes: 0, at: {} }

async function open(port: number, { path, key }: ReaderOf): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n` +
      `${key === null ? '' : `Authorization: Bearer ${key}\r\n`}\r\n`,
  )
  await new Promise<void>((resolve, reject) => {
    let head: string | null = ''
    let isReady = false
    const reader = new FrameReader(
      (payload, bytes) => {
        if (isReady) heard(payload, bytes)
        else if (payload.includes('"ready":true')) {
          isReady = true
          resolve()
        }
      },
      (pong) => socket.write(pong),
    )
    socket.on('data', (data: Buffer) => {
      if (head === null) return reader.read(data)
      head += data.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      if (!head.startsWith('HTTP/1.1 101')) return reject(new Error(head))
      const rest = Buffer.from(head.slice(end + 4), 'latin1')
      head = null
      reader.read(rest)
    })
    socket.on('close', () => {
      reject(new Error(`${path} was closed`))
      lost(`${path} was closed`)
    })
    socket.on('error', () => {})
  })
  sockets.push(socket)
}

function within(run: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    lost = (why) => reject(new Error(why))
    const timer = setTimeout(() => reject(new Error('not everybody was told')), WITHIN_MS)
    run(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function updatesIn(payload: Buffer): number {
  let count = 0
  for (let i = payload.indexOf('"uid"'); i >= 0; i = payload.indexOf('"uid"', i + 5)) count++
  return count
}
