import type { Socket } from 'node:net'
import type { Client } from '@xmpp/client'
import { type Component, type Element, xml } from '@xmpp/component'
import type { Clock, Timer } from '../presence/clock.js'
import type { XmlElement } from './xml-element.js'
import { type XmlStreamBounds, XmlStreamReader } from './xml-stream-reader.js'

export interface StreamOptions {
  /** `xmpp://host:port` */
  readonly service: string
  /** Whom the stream is to: the component itself, or the account's domain in its server's spelling. */
  readonly domain: string
  readonly bounds: XmlStreamBounds
}

/** What of xmpp.js' connections is used, a component's as well as a client's. */
export type Entity = Component | Client

export interface StreamHandler {
  /** `address`: our own JID. */
  online(address: string): void
  stanza(stanza: XmlElement): void
  skipped(reason: string): void
  /** Once, and nothing after it. `condition`: the stream error's, if there was one. */
  closed(reason: string, condition: string | null): void
}

// Every step before online, and the close, has this long.
const STEP_DEADLINE_MS = 5000
// A server that reads slower than we ask fills this; the link is given up then and starts over.
const SEND_QUEUE_BYTES = 4 * 1024 * 1024
const ANSWERS_WAITING_BYTES = 1024 * 1024
const STREAMS_NS = 'http://etherx.jabber.org/streams'

type Step = 'connecting' | 'opening' | 'securing' | 'authenticating' | 'binding' | 'closing'

/**
 * One life of a connection: connects, authenticates, reads, and ends once, whatever the server does. The library connects
 * and opens; what the server says is read by XmlStreamReader in the place of the library's parser, which crashes, hangs or
 * goes deaf on input that a server can be made to send. How it comes online each kind of connection knows by itself.
 */
export abstract class GuardedStream {
  protected readonly entity: Entity
  readonly #handler: StreamHandler
  readonly #options: StreamOptions
  readonly #clock: Clock
  #reader: XmlStreamReader
  #deadline: Timer | null = null
  #state: Step | 'online' | 'closed' = 'connecting'
  #draining: Promise<void> | null = null

  protected constructor(entity: Entity, options: StreamOptions, clock: Clock, handler: StreamHandler) {
    this.entity = entity
    this.#options = options
    this.#clock = clock
    this.#handler = handler
    this.#reader = this.#newReader()
    entity.reconnect.stop()
    // The library's own IQ handling builds JIDs from whatever comes, and throws.
    entity.removeAllListeners('element')
    entity.timeout = STEP_DEADLINE_MS
    entity.on('error', (error: Error) => this.fail(error))
    entity.on('disconnect', () => this.end('the connection was closed'))
    entity._onData = (data) => this.#read(data)
  }

  /** The server opened its stream, anew after each `restart`. */
  protected abstract opened(): void

  /** What came before we are online, but for stream errors. What it throws ends the stream. */
  protected abstract negotiate(element: XmlElement): void

  start(): void {
    this.step('connecting')
    this.entity.connect(this.#options.service).then(
      () => {
        if (this.#state !== 'connecting') return
        this.entity.socket?.setNoDelay(true)
        this.#open()
      },
      (error: Error) => this.fail(error),
    )
  }

  send(stanza: Element): void {
    if (this.#state !== 'online') return
    this.entity.write(stanza.toString()).catch((error: Error) => this.fail(error))
    const queued = this.entity.socket?.writableLength ?? 0
    if (queued > SEND_QUEUE_BYTES) this.end(`the server does not read: ${queued} bytes wait`)
  }

  drained(): Promise<void> {
    const socket = this.entity.socket
    if (this.#state !== 'online' || !socket?.writableNeedDrain) return Promise.resolve()
    // One pair of listeners, however many wait.
    this.#draining ??= new Promise((resolve) => {
      const done = () => {
        this.#draining = null
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
    return this.#draining
  }

  /** Closes in order: the server has STEP_DEADLINE_MS to answer. */
  stop(): void {
    if (this.#state !== 'online') return this.end('stopped')
    this.entity.write('</stream:stream>').catch(() => {})
    this.step('closing')
  }

  /** Ends it at once. `condition`: as if the server had said it. */
  abort(reason: string, condition: string | null = null): void {
    this.end(reason, condition)
  }

  protected get state(): Step | 'online' | 'closed' {
    return this.#state
  }

  protected step(state: Step): void {
    this.#state = state
    this.#deadline?.cancel()
    this.#deadline = this.#clock.after(STEP_DEADLINE_MS, () =>
      this.end(state === 'closing' ? 'stopped' : `no answer while ${state}`),
    )
  }

  /** The next stream on the same connection (RFC 6120 §4.3.3); nothing that was read of the last one counts any more. */
  protected restart(): void {
    this.#reader = this.#newReader()
    this.#open()
  }

  protected online(address: string): void {
    this.#deadline?.cancel()
    this.#state = 'online'
    this.#handler.online(address)
  }

  #open(): void {
    this.step('opening')
    // Its promise adds nothing to our own deadline.
    this.entity.open({ domain: this.#options.domain }).catch(() => {})
  }

  #newReader(): XmlStreamReader {
    const reader: XmlStreamReader = new XmlStreamReader(
      {
        opened: (attrs) => this.#opened(attrs),
        element: (element) => this.#element(element, reader),
        skipped: (reason) => this.#handler.skipped(reason),
        closed: () => this.end('the server closed the stream'),
      },
      this.#options.bounds,
    )
    return reader
  }

  #read(data: Buffer): void {
    if (this.#state === 'closed') return
    // What answers the stanzas of one packet leaves in one, too.
    const { socket } = this.entity
    socket?.cork()
    try {
      this.#reader.read(data)
    } catch (error) {
      this.fail(error as Error)
    } finally {
      socket?.uncork()
    }
    if (socket) this.#rest(socket)
  }

  /**
   * One packet a turn of the event loop: libuv would hand over 32 full ones (2 MiB) before anybody else has a turn. And
   * none while our answers pile up, for it would have to be answered, too.
   */
  #rest(socket: Socket): void {
    socket.pause()
    setImmediate(() => {
      if (socket.writableLength < ANSWERS_WAITING_BYTES) socket.resume()
      else void this.drained().then(() => socket.resume())
    })
  }

  #opened(attrs: Readonly<Record<string, string>>): void {
    if (this.#state !== 'opening') return
    this.opened()
    this.entity._status('open', xml('stream:stream', { id: attrs.id ?? '' }))
  }

  #element(element: XmlElement, reader: XmlStreamReader): void {
    if (this.#state === 'closed') return
    // What follows in the same packet could have been put there by somebody in between (CVE-2011-0411).
    if (reader !== this.#reader) return this.end('the server does not wait for the next stream')
    if (element.ns === STREAMS_NS && element.name === 'error') {
      return this.refused(element)
    }
    if (this.#state === 'online') {
      if (element.ns === '' && STANZAS.has(element.name)) this.#handler.stanza(element)
    } else if (this.#state !== 'closing') this.negotiate(element)
  }

  /** `why`: its first child that is no text is the condition (RFC 6120 §4.9, §6.5). */
  protected refused(why: XmlElement): void {
    const condition = why.children.find(({ name }) => name !== 'text')?.name ?? 'undefined-condition'
    const text = why.children.find(({ name }) => name === 'text')?.text.slice(0, 200)
    this.end(`the server says ${condition}${text ? `: ${text}` : ''}`, condition)
  }

  protected fail(error: Error & { code?: string }): void {
    this.end(error.message || error.code || error.name)
  }

  protected end(reason: string, condition: string | null = null): void {
    if (this.#state === 'closed') return
    const closing = this.#state === 'closing'
    this.#state = 'closed'
    this.#deadline?.cancel()
    const { socket } = this.entity
    this.entity.removeAllListeners('disconnect')
    // Ends what the library still waits for; its timers would keep the process.
    this.entity.emit('error', new Error(reason))
    // Late errors of a dead connection have no listener left that cares, and must not end the process.
    socket?.on('error', () => {})
    if (closing) socket?.end()
    socket?.destroy()
    this.#handler.closed(closing ? 'stopped' : reason, condition)
  }
}

const STANZAS: ReadonlySet<string> = new Set(['iq', 'message', 'presence'])
