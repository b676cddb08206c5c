import { IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../presence/clock.js'
import type { Budget } from './budget.js'
import { hostFault } from './host-fault.js'
import { onceSent } from './once-sent.js'
import { PATIENCE_MS } from './patience.js'
import type { Turns } from './turns.js'

/** Takes over connections for WebSockets. */
export interface Upgrades {
  /** Whether it takes this request, which asks for one as RFC 6455 §4.1 has it. The same each time it is asked. */
  takes(request: IncomingMessage): boolean
  /** From now on the connection is its own; `rest` was read from it already. */
  take(request: IncomingMessage, socket: Socket, rest: Buffer): void
}

/** So many answers may a connection wait for; what it asks beyond them is not read before they are sent. */
const MOST_UNANSWERED = 16

/**
 * Keeps who pipelines requests (RFC 9112 §9.3.2) from keeping everybody else waiting. node:http handles all that one read
 * brought, up to 64 KiB or a thousand requests, at once. It stops in the middle only for a request to change the protocol:
 * the one too many is declared one, and node hands over the connection. When the answers before it are sent, and it is the
 * connection's turn, node gets it back, with what was not handled as if it had just arrived. Whoever leaves more unhandled
 * than there is memory for is cut off. A WebSocket that is asked for while answers are due is suspended in the same way. Behind
 * an answer without end nothing is answered.
 */
export class Pipelines {
  readonly #turns: Turns
  readonly #clock: Clock
  /** For what is not handled yet. */
  readonly #budget: Budget
  readonly #upgrades: Upgrades
  /** Of connections that pipelined: how many answers they wait for, up to the newest. */
  readonly #unanswered = new WeakMap<Socket, { count: number; last: ServerResponse }>()
  /** Those that wait for all they may, with the newest answer. */
  readonly #full = new Map<Socket, ServerResponse>()
  readonly #suspended = new Set<Socket>()

  constructor(turns: Turns, clock: Clock, budget: Budget, upgrades: Upgrades) {
    this.#upgrades = upgrades
    this.#turns = turns
    this.#clock = clock
    this.#budget = budget
  }

  /** For node's option `IncomingMessage`. */
  get requestClass(): typeof IncomingMessage {
    const full = this.#full
    const upgrades = this.#upgrades
    return class extends IncomingMessage {
      #asksFor = false

      /** Node asks before it hands out a request, and again when it is the newest answered: it was not one too many then. */
      get upgrade(): boolean {
        if (full.size > 0 && full.has(this.socket) && full.get(this.socket)?.req !== this) return true
        // But for WebSockets the header Upgrade is ignored; CONNECT has no such choice.
        return this.method === 'CONNECT' || (this.#asksFor && isForWebSocket(this) && upgrades.takes(this))
      }

      // Node says what the client wants, then whether somebody listens.
      set upgrade(isAsked: unknown) {
        if (isAsked) this.#asksFor = true
      }
    }
  }

  /** `server` must have been made with `requestClass`. */
  attend(server: Server): void {
    // What 'upgrade' gives is a Socket where the server is one of TCP.
    server.on('upgrade', (request, duplex, rest) => {
      const socket = duplex as Socket
      const isDue = this.#newest(socket) ?? answering(socket)
      if (!isDue && isForWebSocket(request)) this.#upgrades.take(request, socket, rest)
      else this.#suspend(server, request, socket, rest)
    })
  }

  /** To be told of every request that node hands out, before it is answered. */
  asked({ socket }: IncomingMessage, response: ServerResponse): void {
    // Only an answer that must wait for another has no socket.
    if (response.socket !== null) return
    const before = this.#newest(socket)
    const count = (before?.count ?? 1) + 1
    this.#unanswered.set(socket, { count, last: response })
    if (count >= MOST_UNANSWERED) this.#fill(socket, response)
  }

  /** To be told of those that are not answered at once: a body must be read, or the answer is long. */
  lasting({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#unanswered.set(socket, { count: MOST_UNANSWERED, last: response })
    this.#fill(socket, response)
  }

  /** Calls back when the connection waits for no answer that can come, or is gone. */
  whenAnswered(socket: Socket, then: () => void): void {
    const newest = this.#newest(socket)?.last ?? answering(socket)
    // What is not asked to the end is never answered.
    if (newest?.req.complete) onceSent(newest, socket, then)
    else then()
  }

  /** Cuts off whoever is suspended; of the others node's own list knows. */
  close(): void {
    for (const socket of this.#suspended) socket.destroy()
  }

  #newest(socket: Socket): { count: number; last: ServerResponse } | undefined {
    const newest = this.#unanswered.get(socket)
    return newest?.last.writableFinished ? undefined : newest
  }

  #fill(socket: Socket, last: ServerResponse): void {
    if (this.#full.get(socket) === last) return
    this.#full.set(socket, last)
    onceSent(last, socket, () => this.#full.delete(socket))
  }

  #suspend(server: Server, request: IncomingMessage, socket: Socket, rest: Buffer): void {
    let unhandled: Buffer | null = Buffer.concat([headOf(request), rest])
    if (!this.#budget.take(unhandled.length)) return void socket.on('error', ignore).resetAndDestroy()
    // Answers under way may make node resume it; what arrived would be lost.
    socket.pause().on('resume', pause).on('error', ignore)
    this.#suspended.add(socket)
    const cutOff = this.#clock.after(PATIENCE_MS, () => {
      // Where the connection may stay idle, the answer has no end: whatever comes is read, so that hers is noticed, and not kept.
      if (socket.timeout !== 0) return void socket.resetAndDestroy()
      this.#budget.give(unhandled?.length ?? 0)
      unhandled = null
      socket.off('resume', pause).resume()
    })
    this.whenAnswered(socket, () => {
      cutOff.cancel()
      this.#turns.take(() => this.#resume(server, socket, unhandled))
    })
  }

  /** `unhandled`: null where it was given up. */
  #resume(server: Server, socket: Socket, unhandled: Buffer | null): void {
    this.#suspended.delete(socket)
    if (unhandled === null) return void socket.destroySoon()
    this.#budget.give(unhandled.length)
    socket.off('resume', pause).off('error', ignore)
    if (!socket.writable) return void socket.destroy()
    server.emit('connection', socket)
    socket.emit('data', unhandled)
    // What came later is in the stream, and stays there if there was one too many again.
    if (this.#suspended.has(socket)) return
    // Its end may have come while nobody listened.
    if (socket.readableEnded) socket.emit('end')
    else socket.resume()
  }
}

function isForWebSocket(request: IncomingMessage): boolean {
  const { method, httpVersion, headers } = request
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
  const isGet = method === 'GET' && httpVersion === '1.1' && !hasBody
  return isGet && headers.upgrade?.toLowerCase() === 'websocket' && hostFault(request) === null
}

/** The one answer that waits for no other; node has no other word for it. */
function answering(socket: Socket): ServerResponse | null {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? null
}

/** As it was read. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}

function pause(this: Socket): void {
  this.pause()
}

function ignore(): void {}
