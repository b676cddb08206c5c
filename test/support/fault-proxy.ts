import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * How connections fare, those open and those to come.
 * - `pass`, `delay` (each way, in order), `trickle` (so many bytes a write): what is carried, and how
 * - `refuse`: a new connection is reset at once; those open go on as with `pass`
 * - `blackhole`: a new connection is accepted and never hears anything; those open go on as with `pass`
 */
export type FaultMode =
  | { readonly kind: 'pass' | 'refuse' | 'blackhole' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'trickle'; readonly bytes: number }

/** A network that fails on demand: a TCP proxy on loopback before the server at `target`. */
export class FaultProxy {
  /** May change at any time. */
  mode: FaultMode = { kind: 'pass' }
  /** Bytes carried: `up` to the target, `down` from it. */
  readonly bytes = { up: 0, down: 0 }
  #accepted = 0
  readonly #target: number
  readonly #server: Server
  readonly #connections = new Set<Connection>()

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', (socket) => this.#meet(socket))
  }

  static async start(target: number): Promise<FaultProxy> {
    // Paused, so that who is to hear nothing is not even read; half-open, so that an end is passed on as such.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new FaultProxy(server, target)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections since the start, however they were met. */
  get accepted(): number {
    return this.#accepted
  }

  /** Connections that have an open end yet; those that carry nothing count. */
  get open(): number {
    return this.#connections.size
  }

  /** Ends every open connection on both sides: by RST, or in order by FIN. What was on its way is lost. */
  cut(how: 'reset' | 'end' = 'reset'): void {
    for (const connection of this.#connections) connection.cut(how)
  }

  /**
   * From now on the connections open now carry nothing, for good, and neither side hears that the other goes, as when a
   * router forgets them. New ones are met as `mode` says.
   */
  halfOpen(): void {
    for (const connection of this.#connections) connection.mute()
  }

  async stop(): Promise<void> {
    const closed = [once(this.#server, 'close'), ...[...this.#connections].map((connection) => connection.closed)]
    this.#server.close()
    this.cut('reset')
    await Promise.all(closed)
  }

  #meet(client: Socket): void {
    this.#accepted++
    client.on('error', () => {})
    if (this.mode.kind === 'refuse') return void client.resetAndDestroy()
    const target =
      this.mode.kind === 'blackhole'
        ? null
        : connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const connection = new Connection(client, target, this)
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
  }
}

/** Two sockets and what goes between them. */
class Connection {
  readonly #sockets: readonly Socket[]
  readonly #flows: readonly Flow[]
  readonly closed: Promise<unknown>
  #muted = false

  constructor(client: Socket, target: Socket | null, proxy: FaultProxy) {
    this.#sockets = target ? [client, target] : [client]
    this.#flows = target ? [new Flow(client, target, proxy, 'up'), new Flow(target, client, proxy, 'down')] : []
    this.closed = Promise.all(
      this.#sockets.map((socket) => new Promise<void>((resolve) => socket.once('close', resolve))),
    )
    for (const socket of this.#sockets) {
      socket.on('error', () => {
        // A reset travels on, unless nothing does.
        if (!this.#muted) this.cut('reset')
      })
    }
  }

  mute(): void {
    this.#muted = true
    for (const flow of this.#flows) flow.stop()
  }

  cut(how: 'reset' | 'end'): void {
    for (const flow of this.#flows) flow.stop()
    for (const socket of this.#sockets) {
      // To be closed with something unread would reset it.
      if (how === 'end') socket.resume().end()
      else reset(socket)
    }
  }
}

/** By RST; after the end that is on its way: node would fail to reset it (EINVAL), and never say that it is closed. */
function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (isEnding && (socket.connecting || socket.writableLength === 0)) {
    socket.once('finish', () => socket.resetAndDestroy())
  } else socket.resetAndDestroy()
}

// What a delay holds at most; more waits with its sender, as it would on a long line.
const HELD_BYTES = 256 * 1024

/** One direction of a connection: what comes from one socket goes to the other, in order, when it is due. */
class Flow {
  readonly #from: Socket
  readonly #to: Socket
  readonly #proxy: FaultProxy
  readonly #direction: 'up' | 'down'
  /** An empty chunk is the end. */
  readonly #held: { data: Buffer; due: number }[] = []
  #heldBytes = 0
  #waiting = false
  #stopped = false
  #cancel: () => void = () => {}

  constructor(from: Socket, to: Socket, proxy: FaultProxy, direction: 'up' | 'down') {
    this.#from = from
    this.#to = to
    this.#proxy = proxy
    this.#direction = direction
    from.on('data', (data) => this.#hold(data))
    from.on('end', () => this.#hold(Buffer.alloc(0)))
    to.on('drain', () => this.#carryOn())
    from.resume()
  }

  stop(): void {
    this.#stopped = true
    this.#from.pause()
    this.#held.length = 0
    this.#cancel()
  }

  #hold(data: Buffer): void {
    const { mode } = this.#proxy
    if (this.#stopped) return
    this.#held.push({ data, due: performance.now() + (mode.kind === 'delay' ? mode.ms : 0) })
    this.#heldBytes += data.length
    if (this.#heldBytes > HELD_BYTES) this.#from.pause()
    if (!this.#waiting) this.#carry()
  }

  #carryOn(): void {
    this.#waiting = false
    if (!this.#stopped) this.#carry()
  }

  #carry(): void {
    for (let first = this.#held[0]; first; first = this.#held[0]) {
      const early = first.due - performance.now()
      if (early > 0) return this.#later(early)
      const { mode } = this.#proxy
      const part = first.data.subarray(0, mode.kind === 'trickle' ? mode.bytes : undefined)
      first.data = first.data.subarray(part.length)
      if (first.data.length === 0) this.#held.shift()
      if (part.length === 0) return void this.#to.end()
      this.#heldBytes -= part.length
      this.#proxy.bytes[this.#direction] += part.length
      if (this.#heldBytes <= HELD_BYTES) this.#from.resume()
      if (!this.#to.write(part)) {
        this.#waiting = true
        return
      }
      // Another turn of the loop for each write, or the reader finds several in one.
      if (mode.kind === 'trickle') return this.#later(0)
    }
  }

  #later(ms: number): void {
    this.#waiting = true
    if (ms > 0) {
      const timer = setTimeout(() => this.#carryOn(), Math.ceil(ms))
      this.#cancel = () => clearTimeout(timer)
    } else {
      const turn = setImmediate(() => this.#carryOn())
      this.#cancel = () => clearImmediate(turn)
    }
  }
}
