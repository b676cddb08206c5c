import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { AppId } from '../apps/app.js'
import type { Ending, Parting, Sink, Stream } from '../delivery/stream.js'
import { REFUSALS, type StreamGate } from '../delivery/stream-gate.js'
import type { Streams } from '../delivery/streams.js'
import { frames } from '../delivery/wire.js'
import type { Bytes } from '../presence/bytes.js'

export interface AppSocketParts {
  readonly gate: Pick<StreamGate, 'admit'>
  readonly streams: Pick<Streams, 'open'>
  /** So many bytes a second may come; what is in them is ignored. */
  readonly bytesASecond: number
  readonly failed: (error: unknown) => void
}

/** What was asked for with the upgrade. */
export interface AppSocketRequest {
  readonly appid: AppId
  readonly ticket: string | null
  /** null: it is to come in the first frame. */
  readonly key: string | null
  readonly since: string | null
}

type Close = readonly [code: number, reason: string]

const CLOSES: Readonly<Record<Ending, Close>> = {
  'bad-key': [4401, 'this is no key or ticket of the app'],
  stopped: [4403, 'the app is not active'],
  replaced: [4409, 'replaced by a newer stream'],
  'too-slow': [4408, 'too slow: come back with the last cursor'],
  failed: [1011, 'internal error'],
  shutdown: [1012, 'shutting down'],
}
const NO_KEY: Close = [4401, 'no key came']
const TOO_MANY_FRAMES: Close = [1008, 'too many frames']

const KEY_MS = 10_000
const PING_EVERY_MS = 25_000
const PONG_MS = 8000
// Whatever comes after the key says nothing to us; a client that cannot do without may send some.
const FRAMES_A_SECOND = 50

/** One app's WebSocket: waits for the key, then a stream writes to it. Nothing that comes in later is listened to. */
export class AppSocket implements Sink {
  readonly #parts: AppSocketParts
  readonly #request: AppSocketRequest
  readonly #ws: WebSocket
  /** Of the WebSocket: streams write their frames themselves, whole ones; so does it, and so neither gets in between. */
  readonly #socket: Socket
  #stream: Stream | null = null
  #keyDue: number | null
  #pingDue: number
  #pongDue: number | null = null
  /** What the newest ping said, until it is answered. */
  #ping: Buffer | null = null
  #framesNow = 0
  #bytesBefore = 0
  #parting: Parting = 'left'

  /** `now`: steady, as in `check`. */
  constructor(parts: AppSocketParts, request: AppSocketRequest, ws: WebSocket, socket: Socket, now: number) {
    this.#parts = parts
    this.#request = request
    this.#ws = ws
    this.#socket = socket
    this.#keyDue = now + KEY_MS
    this.#pingDue = now + PING_EVERY_MS
    ws.on('message', (data, isBinary) => this.#heard(isBinary ? null : String(data)))
    ws.on('ping', (data) => {
      this.#count()
      this.#ping = data
      this.#pong()
    })
    ws.on('pong', () => {
      this.#pongDue = null
      this.#count()
    })
    // It closes itself then, with the code that says what was wrong.
    ws.on('error', () => this.#gone('unruly'))
    ws.on('close', () => this.#gone(this.#parting))
    socket.on('drain', () => {
      this.#pong()
      this.#stream?.drained()
    })
    const { ticket, key, since } = request
    if (ticket !== null) this.#admit({ ticket }, since)
    else if (key !== null) this.#admit({ key }, since)
  }

  write(chunk: Bytes): boolean {
    // Nothing may follow a close frame; that it is closed is said soon.
    return this.#ws.readyState !== WebSocket.OPEN || this.#socket.write(chunk, 'latin1')
  }

  end(ending: Ending): void {
    this.#close(CLOSES[ending])
  }

  /** To be called each second. */
  check(now: number): void {
    const bytes = this.#socket.bytesRead
    const isFlooding = bytes - this.#bytesBefore > this.#parts.bytesASecond
    this.#bytesBefore = bytes
    this.#framesNow = 0
    // What closes has a timer of its own.
    if (this.#ws.readyState !== WebSocket.OPEN) return
    this.#pong()
    if (isFlooding) this.#tooMany()
    else if (this.#keyDue !== null && now >= this.#keyDue) this.#close(NO_KEY)
    else if (this.#pongDue !== null) {
      if (now >= this.#pongDue) this.terminate('unheard')
      // A ping would come behind what is not read yet; whoever does not read, the stream cuts off.
    } else if (this.#socket.writableLength > 0) this.#pingDue = now + PING_EVERY_MS
    else if (now >= this.#pingDue) {
      this.#pingDue = now + PING_EVERY_MS
      this.#pongDue = now + PONG_MS
      this.#ws.ping()
    }
  }

  terminate(parting: Parting): void {
    this.#parting = parting
    this.#ws.terminate()
  }

  #heard(text: string | null): void {
    this.#count()
    if (this.#keyDue === null || this.#ws.readyState !== WebSocket.OPEN) return
    const said = text === null ? null : readFirst(text)
    if (said) this.#admit({ key: said.key }, said.since ?? this.#request.since)
    else this.#close(CLOSES['bad-key'])
  }

  #admit(shown: { readonly key: string } | { readonly ticket: string }, since: string | null): void {
    this.#keyDue = null
    this.#open(shown, since).catch((error) => {
      this.#parts.failed(error)
      this.end('failed')
    })
  }

  async #open(shown: { readonly key: string } | { readonly ticket: string }, since: string | null): Promise<void> {
    const { gate, streams } = this.#parts
    const { appid } = this.#request
    const admitted = await gate.admit(appid, shown)
    if (this.#ws.readyState !== WebSocket.OPEN) return
    if ('refused' in admitted) return this.end(REFUSALS[admitted.refused].ending)
    await streams.open({ appid, wire: frames, sink: this, since, uids: admitted.uids }, (stream) => {
      if (this.#ws.readyState === WebSocket.OPEN) this.#stream = stream
      else stream.closed()
    })
  }

  /** Who pings and does not read would have us keep the answers: RFC 6455 §5.5.3 lets us answer the newest alone. */
  #pong(): void {
    if (this.#ping === null || this.#socket.writableLength > 0) return
    this.#ws.pong(this.#ping)
    this.#ping = null
  }

  #count(): void {
    if (++this.#framesNow > FRAMES_A_SECOND) this.#tooMany()
  }

  #tooMany(): void {
    this.#gone('unruly')
    this.#close(TOO_MANY_FRAMES)
  }

  #gone(parting: Parting): void {
    this.#stream?.closed(parting)
  }

  #close([code, reason]: Close): void {
    // After a close frame it does nothing.
    this.#ws.close(code, reason)
  }
}

/** null: it is none that begins a stream. */
function readFirst(text: string): { readonly key: string; readonly since: string | null } | null {
  try {
    const { key, since } = JSON.parse(text)
    // Nothing is no cursor.
    return typeof key === 'string' ? { key, since: since == null ? null : String(since) || null } : null
  } catch {
    return null
  }
}
