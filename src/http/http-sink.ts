import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Ending, Sink, Stream } from '../delivery/stream.js'
import { REFUSALS } from '../delivery/stream-gate.js'
import type { Wire } from '../delivery/wire.js'
import type { Bytes } from '../presence/bytes.js'
import type { Clock, Timer } from '../presence/clock.js'
import { faultBody } from './fault.js'
import { onceSent } from './once-sent.js'
import { PATIENCE_MS } from './patience.js'

const IDLE_MS = 25_000
// An end that is answered by a reset was the end of all of it; it takes a round trip until that is known.
const ROUND_TRIP_MS = 1000

/** Said last; null: nothing. */
const LAST: Readonly<Record<Ending, ReturnType<typeof faultBody> | null>> = {
  'bad-key': lastOf('bad-key'),
  stopped: lastOf('stopped'),
  replaced: faultBody(131, 'a newer stream of this app has taken its place'),
  failed: faultBody(150, 'internal error'),
  'too-slow': null,
  // It was asked to come back.
  shutdown: null,
}

export interface HttpSinkParts {
  readonly response: ServerResponse
  readonly socket: Socket
  readonly wire: Wire
  /** Written where nothing else is for 25 s. */
  readonly idle: string
  readonly clock: Clock
}

/** An answer without end, as a stream writes to it. The connection ends with it: nothing asked behind it is answered. */
export class HttpSink implements Sink {
  readonly #parts: HttpSinkParts
  #stream: Pick<Stream, 'drained' | 'closed'> | null = null
  #timer: Timer | null = null
  #written = 0
  #isGone = false

  constructor(parts: HttpSinkParts) {
    this.#parts = parts
    onceSent(parts.response, parts.socket, () => {
      this.#isGone = true
      this.#timer?.cancel()
      this.#stream?.closed()
    })
  }

  /** The client is gone. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** Sends the head of the answer. */
  begin(stream: Pick<Stream, 'drained' | 'closed'>): void {
    const { response, socket } = this.#parts
    this.#stream = stream
    // Neither who says nothing nor who is told nothing is idle here.
    socket.setTimeout(0)
    response.shouldKeepAlive = false
    // What is written to a connection that has just gone is lost, and that is all.
    response.on('error', () => {})
    // Node's own `drain` of an answer stays out where more was asked behind it; one that waits for another has no other.
    const drained = () => stream.drained()
    response.on('drain', drained)
    socket.on('drain', drained)
    if (socket.readableEnded) this.#probe()
    else socket.once('end', () => this.#probe())
    response.flushHeaders()
    this.#written = this.#parts.clock.steady()
    this.#beatLater(IDLE_MS)
  }

  write(chunk: Bytes): boolean {
    this.#written = this.#parts.clock.steady()
    return this.#parts.response.write(chunk, 'latin1')
  }

  end(ending: Ending): void {
    const { response, socket, wire, clock } = this.#parts
    this.#timer?.cancel()
    if (this.#isGone) return
    // Closed in good order, the kernel would go on offering what is not read.
    if (ending === 'too-slow') return void socket.resetAndDestroy()
    const last = LAST[ending]
    if (last) response.write(wire.signal(last), 'latin1')
    response.end()
    this.#timer = clock.after(PATIENCE_MS, () => socket.resetAndDestroy())
  }

  #beatLater(ms: number): void {
    const { clock, socket } = this.#parts
    this.#timer = clock.after(ms, () => {
      const left = this.#written + IDLE_MS - clock.steady()
      if (left > 0) return this.#beatLater(left)
      if (socket.readableEnded) return this.#probe()
      this.#beat()
      this.#beatLater(IDLE_MS)
    })
  }

  #beat(): void {
    const { response, socket, idle } = this.#parts
    // Where something waits to be read that will tell as well.
    if (!socket.writableNeedDrain && !response.writableNeedDrain) this.write(idle)
  }

  /** Whoever has ended his side may read on, or be gone: what is written to him tells. */
  #probe(): void {
    if (this.#isGone || this.#parts.response.writableEnded) return
    this.#timer?.cancel()
    this.#beat()
    this.#timer = this.#parts.clock.after(ROUND_TRIP_MS, () => {
      this.#beat()
      this.#beatLater(IDLE_MS)
    })
  }
}

function lastOf(why: keyof typeof REFUSALS): ReturnType<typeof faultBody> {
  return faultBody(REFUSALS[why].errno, REFUSALS[why].error)
}
