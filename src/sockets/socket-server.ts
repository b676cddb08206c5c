import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { AppId } from '../apps/app.js'
import { FULL_RETRY_S, REFUSALS, type StreamGate } from '../delivery/stream-gate.js'
import type { Clock, Timer } from '../presence/clock.js'
import { every } from '../presence/every.js'
import { AppSocket, type AppSocketParts, type AppSocketRequest } from './app-socket.js'

export interface SocketServerParts {
  readonly gate: StreamGate
  readonly streams: AppSocketParts['streams']
  readonly clientAddress: (request: IncomingMessage) => string
  readonly clock: Clock
  /** What one message may have, in bytes. */
  readonly mostInFrame: number
  readonly failed: (error: unknown) => void
}

interface Fault {
  readonly status: number
  readonly errno: number
  readonly error: string
}

// One timer for all: ten thousand sockets are looked at in a few ms.
const CHECK_MS = 1000
// Who was sent a close frame and answers none is cut off; so is who was refused and does not go.
const PARTING_MS = 2000
// A message may come in pieces; an empty one costs as much as another.
const MOST_FRAGMENTS = 1024
const MESSAGES_A_SECOND = 4

/** Turns connections that ask for it into WebSockets of apps. Bounded by the gate. */
export class SocketServer {
  readonly #parts: SocketServerParts
  readonly #server: WebSocketServer
  readonly #socketParts: AppSocketParts
  readonly #sockets = new Set<AppSocket>()
  readonly #timer: Timer
  #stopped = false

  constructor(parts: SocketServerParts) {
    this.#parts = parts
    const options = {
      noServer: true,
      clientTracking: false,
      // AppSocket does.
      autoPong: false,
      // It takes memory of each socket, and time of each frame; what is sent is short.
      perMessageDeflate: false,
      maxPayload: parts.mostInFrame,
      maxFragments: MOST_FRAGMENTS,
      closeTimeout: PARTING_MS,
    }
    this.#server = new WebSocketServer(options)
    // RFC 6455 §4.4: whoever speaks another version is told which one is spoken here.
    this.#server.on('wsClientError', ({ message }, socket) => {
      const fault = { status: 400, errno: 101, error: message }
      this.#refuse(socket as Socket, fault, ['Sec-WebSocket-Version: 13'])
    })
    const { gate, streams, failed, mostInFrame } = parts
    this.#socketParts = { gate, streams, failed, bytesASecond: MESSAGES_A_SECOND * mostInFrame }
    this.#timer = every(parts.clock, CHECK_MS, () => this.#check())
  }

  takes({ url }: IncomingMessage): boolean {
    return PATH.test(url ?? '')
  }

  take(request: IncomingMessage, socket: Socket, rest: Buffer): void {
    if (this.#stopped || socket.destroyed) return void socket.on('error', ignore).destroy()
    const asked = readRequest(request)
    const { gate, clientAddress } = this.#parts
    const entered = gate.enter({
      address: clientAddress(request),
      origin: request.headers.origin,
      hasTicket: asked.ticket !== null,
    })
    if ('refused' in entered) {
      const fault = REFUSALS[entered.refused]
      return this.#refuse(socket, fault, fault.status === 429 ? [`Retry-After: ${FULL_RETRY_S}`] : [])
    }
    socket.once('close', entered.leave)
    // A request that is not as RFC 6455 §4.2.1 has it is answered with an error, and closed.
    this.#server.handleUpgrade(request, socket, rest, (ws) => {
      const appSocket = new AppSocket(this.#socketParts, asked, ws, socket, this.#parts.clock.steady())
      this.#sockets.add(appSocket)
      ws.once('close', () => this.#sockets.delete(appSocket))
    })
  }

  /** Says so to whoever is left, and cuts them off. */
  stop(): void {
    this.#stopped = true
    this.#timer.cancel()
    for (const socket of this.#sockets) {
      socket.end('shutdown')
      socket.terminate('shutdown')
    }
  }

  /** Before it is a WebSocket: as HTTP has it. */
  #refuse(socket: Socket, { status, errno, error }: Fault, headers: readonly string[]): void {
    const body = JSON.stringify({ result: 'KO', errno, error })
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
      'Connection: close',
    ]
    // The server does not count it any more, and would wait for it for ever.
    const cutOff = this.#parts.clock.after(PARTING_MS, () => socket.destroy())
    socket
      .on('error', ignore)
      .once('close', () => cutOff.cancel())
      .resume()
      .end(`${head.join('\r\n')}\r\n\r\n${body}`)
  }

  #check(): void {
    const now = this.#parts.clock.steady()
    for (const socket of this.#sockets) socket.check(now)
  }
}

// RFC 9112 §3.2.2: a server takes the absolute form, too.
const PATH = /^(?:https?:\/\/[^/?#]*)?\/(app_[A-Za-z0-9_-]{24})(?:\?|$)/

function readRequest({ url = '', headers }: IncomingMessage): AppSocketRequest {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length))
  return {
    appid: (PATH.exec(url)?.[1] ?? '') as AppId,
    ticket: query.get('ticket'),
    key: /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? null,
    // Nothing is no cursor.
    since: query.get('since') || null,
  }
}

function ignore(): void {}
