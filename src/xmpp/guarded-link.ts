import { type Element, xml } from '@xmpp/component'
import type { Clock, Timer } from '../presence/clock.js'
import { sameAddress } from '../presence/jid.js'
import type { GuardedStream, StreamHandler } from './guarded-stream.js'
import type { IqAnswer, Link, LinkHandler } from './link.js'
import type { XmlElement } from './xml-element.js'

export interface Randomness {
  /** 128 bits or more, as text. */
  id(): string
  /** 0 ≤ x < 1 */
  fraction(): number
}

export interface LinkObserver {
  /** The link is gone, or could not be made (`wasUp` false). Once per attempt. */
  lost(reason: string, retryInMs: number, wasUp: boolean): void
  skipped(reason: string): void
}

interface Pending {
  readonly to: string
  readonly timer: Timer
  resolve(answer: IqAnswer): void
}

const FIRST_BACKOFF_MS = 250
const MAX_BACKOFF_MS = 5000
// A wrong secret or a second gateway does not mend itself in seconds.
const FIRST_REFUSED_BACKOFF_MS = 1000
const MAX_REFUSED_BACKOFF_MS = 60_000
// Of streams (RFC 6120 §4.9.3) and of SASL (§6.5).
const REFUSALS: ReadonlySet<string> = new Set([
  'not-authorized',
  'conflict',
  'account-disabled',
  'credentials-expired',
  'policy-violation',
])
// Silence is noticed after at most QUIET + ANSWER + TICK = 45 s.
const QUIET_MS = 20_000
const ANSWER_MS = 20_000
const TICK_MS = 5000
const REQUEST_TIMEOUT_MS = 10_000
// Requests under way; one more answers `link-down` at once.
const MAX_PENDING = 10_000

export interface LinkOptions {
  /** Our own JID, until the server says it. */
  readonly address: string
  /** Whom the server lets be asked over it when all is silent. */
  readonly pinged: string
  /** One more life of the connection. */
  readonly stream: (handler: StreamHandler) => GuardedStream
}

/** Keeps a stream alive: back-off, keep-alive, requests. */
export class GuardedLink implements Link {
  protected readonly random: Randomness
  protected handler: LinkHandler | null = null
  readonly #options: LinkOptions
  readonly #clock: Clock
  readonly #observer: LinkObserver
  readonly #pending = new Map<string, Pending>()
  #address: string
  #stream: GuardedStream | null = null
  #timer: Timer | null = null
  #online = false
  #attempts = 0
  #heardAt = 0
  #pingedAt: number | null = null
  #ended: (() => void) | null = null
  #stopping: Promise<void> | null = null
  #refusals = 0
  #upSince = 0

  constructor(options: LinkOptions, clock: Clock, random: Randomness, observer: LinkObserver) {
    this.#options = options
    this.#address = options.address
    this.#clock = clock
    this.random = random
    this.#observer = observer
  }

  get address(): string {
    return this.#address
  }

  get online(): boolean {
    return this.#online
  }

  /** Connects, and connects again for as long as it is not stopped. */
  start(handler: LinkHandler): void {
    this.handler = handler
    this.#connect()
  }

  stop(): Promise<void> {
    this.#stopping ??= new Promise((resolve) => {
      this.#ended = resolve
      this.#timer?.cancel()
      if (this.#stream) this.#stream.stop()
      else resolve()
    })
    return this.#stopping
  }

  send(stanza: Element): void {
    if (!this.#online) return
    this.#stream?.send(stanza)
  }

  drained(): Promise<void> {
    return this.#stream?.drained() ?? Promise.resolve()
  }

  request(to: string, type: 'get' | 'set', payload: Element, timeoutMs = REQUEST_TIMEOUT_MS): Promise<IqAnswer> {
    if (!this.#online || this.#pending.size >= MAX_PENDING) return Promise.resolve({ kind: 'link-down' })
    return new Promise((resolve) => {
      const id = this.random.id()
      const timer = this.#clock.after(timeoutMs, () => this.#answer(id, { kind: 'timeout' }))
      this.#pending.set(id, { to, timer, resolve })
      this.send(xml('iq', { type, to, id }, payload))
    })
  }

  #connect(): void {
    this.#timer = null
    const stream = this.#options.stream({
      online: (address) => this.#up(address),
      stanza: (stanza) => this.#stanza(stanza),
      skipped: (reason) => {
        this.#heard()
        this.#observer.skipped(reason)
      },
      closed: (reason, condition) => this.#down(reason, condition),
    })
    this.#stream = stream
    stream.start()
  }

  /** Goes before whatever else is said over a new stream. */
  protected begin(): void {}

  /** Of every stanza: whether it is the link's own business. */
  protected takes(_stanza: XmlElement): boolean {
    return false
  }

  protected abort(reason: string, condition: string): void {
    this.#stream?.abort(reason, condition)
  }

  #up(address: string): void {
    this.#online = true
    this.#address = address
    this.#attempts = 0
    this.#upSince = this.#clock.steady()
    this.#heard()
    this.#watch()
    this.begin()
    this.handler?.up()
  }

  /** Whole stanzas count, not bytes: an unfinished one can make us deaf for as long as the server talks. */
  #heard(): void {
    this.#heardAt = this.#clock.steady()
    this.#pingedAt = null
  }

  #down(reason: string, condition: string | null): void {
    const wasOnline = this.#online
    this.#online = false
    this.#stream = null
    this.#timer?.cancel()
    for (const id of [...this.#pending.keys()]) this.#answer(id, { kind: 'link-down' })
    if (wasOnline) this.handler?.down(reason)
    if (this.#ended) return this.#ended()
    const most = this.#longestDelay(condition, wasOnline)
    // Full jitter: a thousand gateways must not return in step.
    const delay = Math.round(this.random.fraction() * most)
    this.#timer = this.#clock.after(delay, () => this.#connect())
    this.#observer.lost(reason, delay, wasOnline)
  }

  #longestDelay(condition: string | null, wasOnline: boolean): number {
    if (condition !== null && REFUSALS.has(condition)) {
      // Two gateways that throw each other out are online in between; only a link that lasted starts over.
      if (wasOnline && this.#clock.steady() - this.#upSince > MAX_REFUSED_BACKOFF_MS) this.#refusals = 0
      return Math.min(MAX_REFUSED_BACKOFF_MS, FIRST_REFUSED_BACKOFF_MS * 2 ** Math.min(this.#refusals++, 16))
    }
    return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#attempts++, 16))
  }

  /** A half-open connection says nothing and never ends; ask ourselves something through the server. */
  #watch(): void {
    this.#timer = this.#clock.after(TICK_MS, () => {
      const now = this.#clock.steady()
      if (this.#pingedAt !== null && now - this.#pingedAt >= ANSWER_MS) {
        return this.#stream?.abort(`no answer for ${Math.round((now - this.#heardAt) / 1000)} s`)
      }
      if (this.#pingedAt === null && now - this.#heardAt >= QUIET_MS) {
        this.#pingedAt = now
        void this.request(this.#options.pinged, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' }), ANSWER_MS)
      }
      // The ping itself can be what ends a link whose queue is full.
      if (this.#online) this.#watch()
    })
  }

  #stanza(stanza: XmlElement): void {
    this.#heard()
    if (this.takes(stanza)) return
    const { type, id, from } = stanza.attrs
    if (stanza.name === 'iq' && (type === 'result' || type === 'error')) {
      const pending = id === undefined ? undefined : this.#pending.get(id)
      // RFC 6120 §8.1.2.1: what our own account answers needs no 'from'.
      if (id === undefined || !pending || !sameAddress(from ?? this.#options.address, pending.to)) return
      return this.#answer(id, type === 'result' ? result(stanza) : error(stanza))
    }
    this.handler?.stanza(stanza)
  }

  #answer(id: string, answer: IqAnswer): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    this.#pending.delete(id)
    pending.timer.cancel()
    pending.resolve(answer)
  }
}

function result(stanza: XmlElement): IqAnswer {
  return { kind: 'result', payload: stanza.children[0] }
}

function error(stanza: XmlElement): IqAnswer {
  const condition = stanza.child('error')?.children.find((child) => child.name !== 'text')?.name
  return { kind: 'error', condition: condition ?? 'undefined-condition' }
}
