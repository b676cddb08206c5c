import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../presence/clock.js'
import { Budget } from './budget.js'
import { faultBody } from './fault.js'
import { hostFault } from './host-fault.js'
import { PATIENCE_MS } from './patience.js'
import { Pipelines, type Upgrades } from './pipelines.js'
import type { Turns } from './turns.js'

export interface HttpServerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly maxConnections?: number
  /** For what pipelining connections have sent and is not handled yet, of all of them. */
  readonly unhandledBytes?: number
}

export interface HttpServerParts {
  readonly turns: Turns
  readonly clock: Clock
  /** Answers what it can, at once. */
  readonly first: { handle(request: IncomingMessage, response: ServerResponse): boolean }
  /** Answers what `first` does not. */
  readonly rest: RequestListener
  /** Whoever takes WebSockets; without it nobody does. */
  readonly upgrades?: Upgrades
  /** An error that nobody expected. */
  readonly failed: (error: unknown) => void
}

const GRACE_MS = 3000
// One connection takes a file descriptor and a few kB. 10,500 may be streams (MOST_STREAMS): the others are left to those who ask
// for a status. All together leave room within what systemd allows a service.
const MOST_CONNECTIONS = 12_000
const UNHANDLED_BYTES = 64 * 1024 * 1024
// It looks at every connection.
const MAKE_ROOM_EVERY_MS = 1000

/** The public server. */
export class HttpServer {
  readonly #server: Server
  readonly #options: HttpServerOptions
  readonly #pipelines: Pipelines
  readonly #refused = new WeakSet<Socket>()
  readonly #clock: Clock
  #roomMade = Number.NEGATIVE_INFINITY

  constructor(options: HttpServerOptions, { turns, clock, first, rest, upgrades, failed }: HttpServerParts) {
    this.#options = options
    this.#clock = clock
    const budget = new Budget(options.unhandledBytes ?? UNHANDLED_BYTES)
    const pipelines = new Pipelines(turns, clock, budget, upgrades ?? { takes: () => false, take: () => {} })
    this.#pipelines = pipelines
    const nodeOptions = {
      connectionsCheckingInterval: 1000,
      IncomingMessage: pipelines.requestClass,
      // hostFault looks for it, and for more.
      requireHostHeader: false,
    }
    this.#server = createServer(nodeOptions, (request, response) => {
      pipelines.asked(request, response)
      const fault = hostFault(request)
      if (fault !== null) return refuse(response, fault)
      try {
        if (first.handle(request, response)) return
        pipelines.lasting(request, response)
        rest(request, response)
      } catch (error) {
        failed(error)
        if (response.headersSent) return void response.destroy()
        response.writeHead(500, { 'Content-Type': 'application/json; charset=utf-8' })
        response.end(JSON.stringify(faultBody(150, 'internal error')))
      }
    })
    pipelines.attend(this.#server)
    // Slow senders of headers or bodies are cut off; node answers them 408.
    this.#server.headersTimeout = PATIENCE_MS
    this.#server.requestTimeout = PATIENCE_MS
    // Whoever neither sends nor reads for so long is cut off, with whatever waits for her. Who only keeps a connection is
    // not told apart: a slow reader, out of the buffers of the kernel, looks the same. And node would make two timers more
    // for each request, a twentieth of the time that it takes.
    this.#server.timeout = PATIENCE_MS
    this.#server.keepAliveTimeout = 0
    // Closed in good order, the kernel would go on offering what is not read.
    this.#server.on('timeout', (socket) => socket.resetAndDestroy())
    // Who has ended his side still gets what he asked for; node has no word for it but this, its own.
    Object.assign(this.#server, { httpAllowHalfOpen: true })
    // 16 KiB of headers bound their number; node would drop those over a thousand and say nothing.
    this.#server.maxHeadersCount = 0
    this.#server.maxConnections = options.maxConnections ?? MOST_CONNECTIONS
    // One more is closed at once; the next ones take the place of those that only kept theirs.
    this.#server.on('drop', () => this.#makeRoom())
    this.#server.on('checkExpectation', (request, response) => {
      pipelines.asked(request, response)
      const fault = hostFault(request)
      if (fault !== null) refuse(response, fault)
      else response.writeHead(417).end()
    })
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => this.#refuse(error, socket))
  }

  /** Resolves with the URL when it accepts connections; rejects with an Error that names the address. */
  start(): Promise<string> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(bindError(error, host, port)))
      this.#server.listen({ host, port, backlog: MOST_CONNECTIONS }, () => resolve(urlOf(this.#server)))
    })
  }

  /** Lets requests under way end, for a moment. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      const grace = this.#clock.after(GRACE_MS, () => {
        this.#server.closeAllConnections()
        this.#pipelines.close()
      })
      this.#server.close(() => {
        grace.cancel()
        resolve()
      })
      this.#server.closeIdleConnections()
    })
  }

  #makeRoom(): void {
    const now = this.#clock.steady()
    if (now - this.#roomMade < MAKE_ROOM_EVERY_MS) return
    this.#roomMade = now
    this.#server.closeIdleConnections()
  }

  /** After what was asked before, and once: whatever else comes is an error, too. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    if (this.#refused.has(socket)) return
    this.#refused.add(socket)
    const answer = refusalOf(error)
    this.#pipelines.whenAnswered(socket, () => {
      if (socket.writable) socket.end(answer, () => socket.destroy())
    })
  }
}

export function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

export function bindError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`${host}:${port} is taken by another process`)
    case 'EACCES':
      return new Error(`${host}:${port} may not be used by this user`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`${host} is no address of this machine`)
    default:
      return error
  }
}

/** What node could read, and yet is not HTTP. */
function refuse(response: ServerResponse, error: string): void {
  const body = JSON.stringify(faultBody(101, error))
  response.writeHead(400, {
    Connection: 'close',
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}

/** As HTTP has it: what node could not read never becomes a request. */
function refusalOf({ code }: NodeJS.ErrnoException): string {
  const [status, errno, error] = UNREADABLE[code ?? ''] ?? ['400 Bad Request', 101, 'this is not HTTP/1.1']
  const body = JSON.stringify(faultBody(errno, error))
  const head = [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const UNREADABLE: Readonly<Record<string, readonly [status: string, errno: number, error: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 103, 'URL and headers are longer than 16 KiB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 103, 'the chunk extensions are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 101, 'the request took too long'],
  // curl sends a name such as müller as it was typed.
  HPE_INVALID_URL: ['400 Bad Request', 101, 'the URL must be ASCII; what is not must be percent-encoded'],
}
