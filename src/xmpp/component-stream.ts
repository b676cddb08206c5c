import type { Socket } from 'node:net'
import { type Component, component, type Element, xml } from '@xmpp/component'
import type { Clock, Timer } from '../presence/clock.js'
import type { XmlElement } from './xml-element.js'
import { type XmlStreamBounds, XmlStreamReader } from './xml-stream-reader.js'

export interface ComponentStreamOptions {
  /** `xmpp://host:port` */
  readonly service: string
  /** The component's own JID. */
  readonly domain: string
  readonly secret: string
  readonly bounds: XmlStreamBounds
}

export interface ComponentStreamHandler {
  online(): void
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

/**
 * One life of a component connection (XEP-0114): connects, authenticates, reads, and ends once, whatever the server does.
 * The library connects, opens and authenticates; what the server says is read by XmlStreamReader in the place of the
 * library's parser, which crashes, hangs or goes deaf on input that a server can be made to send.
 */
export class ComponentStream {
  readonly #entity: Component
  readonly #handler: ComponentStreamHandler
  readonly #options: ComponentStreamOptions
  readonly #clock: Clock
  readonly #reader: XmlStreamReader
  #deadline: Timer | null = null
  #state: 'connecting' | 'opening' | 'authenticating' | 'online' | 'closing' | 'closed' = 'connecting'
  #condition: string | null = null
  #draining: Promise<void> | null = null

  constructor(options: ComponentStreamOptions, clock: Clock, handler: ComponentStreamHandler) {
    this.#options = options
    this.#clock = clock
    this.#handler = handler
    this.#reader = new XmlStreamReader(
      {
        opened: (attrs) => this.#opened(attrs),
        element: (element) => this.#element(element),
        skipped: (reason) => handler.skipped(reason),
        closed: () => this.#end('the server closed the stream'),
      },
      options.bounds,
    )
    const { service, domain, secret } = options
    this.#entity = component({ service, domain, password: secret })
    this.#entity.reconnect.stop()
    // The library's own IQ handling builds JIDs from whatever comes, and throws.
    this.#entity.removeAllListeners('element')
    this.#entity.timeout = STEP_DEADLINE_MS
    this.#entity.on('error', (error: Error) => this.#end(message(error)))
    this.#entity.on('disconnect', () => this.#end('the connection was closed'))
    this.#entity._onData = (data) => this.#read(data)
  }

  start(): void {
    this.#step('connecting')
    this.#entity.connect(this.#options.service).then(
      () => {
        if (this.#state !== 'connecting') return
        this.#entity.socket?.setNoDelay(true)
        this.#step('opening')
        // Its promise adds nothing to our own deadline.
        this.#entity.open({ domain: this.#options.domain }).catch(() => {})
      },
      (error: Error) => this.#end(message(error)),
    )
  }

  send(stanza: Element): void {
    if (this.#state !== 'online') return
    this.#entity.write(stanza.toString()).catch((error: Error) => this.#end(message(error)))
    const queued = this.#entity.socket?.writableLength ?? 0
    if (queued > SEND_QUEUE_BYTES) this.#end(`the server does not read: ${queued} bytes wait`)
  }

  drained(): Promise<void> {
    const socket = this.#entity.socket
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
    if (this.#state !== 'online') return this.#end('stopped')
    this.#entity.write('</stream:stream>').catch(() => {})
    this.#step('closing')
  }

  /** Ends it at once. `condition`: as if the server had said it. */
  abort(reason: string, condition: string | null = null): void {
    this.#condition = condition
    this.#end(reason)
  }

  #step(state: 'connecting' | 'opening' | 'authenticating' | 'closing'): void {
    this.#state = state
    this.#deadline?.cancel()
    this.#deadline = this.#clock.after(STEP_DEADLINE_MS, () =>
      this.#end(state === 'closing' ? 'stopped' : `no answer while ${state}`),
    )
  }

  #read(data: Buffer): void {
    if (this.#state === 'closed') return
    // What answers the stanzas of one packet leaves in one, too.
    const { socket } = this.#entity
    socket?.cork()
    try {
      this.#reader.read(data)
    } catch (error) {
      this.#end(message(error as Error))
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
    this.#step('authenticating')
    this.#entity._status('open', xml('stream:stream', { id: attrs.id ?? '' }))
  }

  #element(element: XmlElement): void {
    if (this.#state === 'closed') return
    if (element.ns === STREAMS_NS && element.name === 'error') {
      this.#condition = element.children.find((child) => child.name !== 'text')?.name ?? 'undefined-condition'
      const text = element.children.find((child) => child.name === 'text')?.text.slice(0, 200)
      return this.#end(`the server says ${this.#condition}${text ? `: ${text}` : ''}`)
    }
    if (this.#state === 'authenticating' && element.name === 'handshake') {
      this.#deadline?.cancel()
      this.#state = 'online'
      this.#entity.emit('element', xml('handshake'))
      return this.#handler.online()
    }
    if (element.ns !== '' || !STANZAS.has(element.name)) return
    // A server's first stanzas may share a packet with its handshake, never come before it.
    if (this.#state === 'online') this.#handler.stanza(element)
  }

  #end(reason: string): void {
    if (this.#state === 'closed') return
    const closing = this.#state === 'closing'
    this.#state = 'closed'
    this.#deadline?.cancel()
    const { socket } = this.#entity
    this.#entity.removeAllListeners('disconnect')
    // Ends what the library still waits for; its timers would keep the process.
    this.#entity.emit('error', new Error(reason))
    // Late errors of a dead connection have no listener left that cares, and must not end the process.
    socket?.on('error', () => {})
    if (closing) socket?.end()
    socket?.destroy()
    this.#handler.closed(closing ? 'stopped' : reason, this.#condition)
  }
}

const STANZAS: ReadonlySet<string> = new Set(['iq', 'message', 'presence'])

function message(error: Error & { code?: string }): string {
  return error.message || error.code || error.name
}
