import type { AppId } from '../apps/app.js'
import type { Clock, Timer } from '../presence/clock.js'
import { every } from '../presence/every.js'
import type { Feeds } from './feeds.js'
import { type Ending, type Parting, type Sink, Stream, type StreamLimits } from './stream.js'
import type { Transport, Wire } from './wire.js'

const CHECK_MS = 1000
// Those who were asked to come back do so spread over this, more the more of them there are.
const MIN_SPREAD_MS = 1000
const MAX_SPREAD_MS = 30_000
const SPREAD_MS_EACH = 5
// Their bytes are with the kernel by then.
const PARTING_MS = 500

export interface StreamsParts {
  readonly feeds: Pick<Feeds, 'open' | 'close'>
  /** Whether the app may be told anything, now. */
  readonly isActive: (appid: AppId) => Promise<boolean>
  readonly clock: Clock
  readonly limits: StreamLimits & {
    /** With its key; one more ends the oldest. Those with a ticket are not counted. */
    readonly perApp: number
  }
  /** 0 to 1 */
  readonly fraction: () => number
  readonly failed: (error: unknown) => void
  readonly counter: {
    ended(transport: Transport, parting: Parting): void
    sent(transport: Transport, updates: number): void
  }
}

export interface StreamRequest {
  readonly appid: AppId
  readonly wire: Wire
  readonly sink: Sink
  /** A cursor as the reader says it; null: she knows nothing yet. */
  readonly since: string | null
  /** Of a ticket; null: the app's own key was shown. */
  readonly uids: ReadonlySet<string> | null
}

/** Every open stream: who replaces whom, who has stopped, and that all end when the gateway does. */
export class Streams {
  readonly #parts: StreamsParts
  readonly #ofApp = new Map<AppId, Set<Stream>>()
  /** Of those with a key, the oldest first. */
  readonly #keyed = new Map<AppId, Set<Stream>>()
  readonly #counts: Record<Transport, number> = { websocket: 0, ndjson: 0, sse: 0 }
  readonly #timer: Timer
  #isClosing = false

  constructor(parts: StreamsParts) {
    this.#parts = parts
    this.#timer = every(parts.clock, CHECK_MS, () => this.#check())
  }

  /** Those that are open. */
  get counts(): Readonly<Record<Transport, number>> {
    return this.#counts
  }

  /**
   * Who asks for it was admitted. `opened`: before anything is written; whoever's reader has left by then closes it there.
   * Rejects, with nothing open, where the app's grants cannot be read.
   */
  async open(request: StreamRequest, opened: (stream: Stream) => void): Promise<void> {
    const { appid, sink, wire, uids, since } = request
    const { feeds, clock, limits, failed, counter } = this.#parts
    const feed = await feeds.open(appid)
    const stream = new Stream({
      feed,
      wire,
      sink,
      clock,
      limits,
      uids,
      failed,
      closed: (parting) => {
        this.#count(stream)
        this.#counts[wire.transport]--
        take(this.#ofApp, appid, stream)
        take(this.#keyed, appid, stream)
        feeds.close(feed)
        counter.ended(wire.transport, parting)
      },
    })
    this.#counts[wire.transport]++
    opened(stream)
    if (this.#isClosing) stream.dismiss(this.#spread(1))
    if (stream.ended) return
    add(this.#ofApp, appid, stream)
    // Whoever stops the app from now on ends it; who did before is seen here.
    const isActive = await this.#isActive(appid)
    if (!isActive) return stream.end(isActive === null ? 'failed' : 'stopped')
    if (stream.ended) return
    if (uids === null) this.#replaceOldest(appid, stream)
    await stream.run(since)
  }

  /** The app may see nobody any more. */
  end(appid: AppId, ending: Ending): void {
    for (const stream of this.#ofApp.get(appid) ?? []) stream.end(ending)
  }

  /** Asks all readers to come back, spread out, and ends their streams. */
  async stop(): Promise<void> {
    this.#isClosing = true
    this.#timer.cancel()
    const all = [...this.#ofApp.values()].flatMap((streams) => [...streams])
    const spread = Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, all.length * SPREAD_MS_EACH))
    for (const stream of all) stream.dismiss(this.#spread(spread))
    if (all.length > 0) await new Promise<void>((resolve) => this.#parts.clock.after(PARTING_MS, resolve))
  }

  #spread(ms: number): number {
    return MIN_SPREAD_MS + Math.round(this.#parts.fraction() * ms)
  }

  #replaceOldest(appid: AppId, stream: Stream): void {
    const keyed = add(this.#keyed, appid, stream)
    for (const oldest of keyed) {
      if (keyed.size <= this.#parts.limits.perApp) return
      oldest.end('replaced')
    }
  }

  /** null: that cannot be read. */
  async #isActive(appid: AppId): Promise<boolean | null> {
    try {
      return await this.#parts.isActive(appid)
    } catch (error) {
      this.#parts.failed(error)
      return null
    }
  }

  /** Now and then, and not with each update: it is told to many at once. */
  #count(stream: Stream): void {
    const updates = stream.takeSent()
    if (updates > 0) this.#parts.counter.sent(stream.wire.transport, updates)
  }

  #check(): void {
    for (const streams of this.#ofApp.values()) {
      for (const stream of streams) {
        stream.check()
        this.#count(stream)
      }
    }
  }
}

function add(streams: Map<AppId, Set<Stream>>, appid: AppId, stream: Stream): Set<Stream> {
  const ofApp = streams.get(appid) ?? new Set()
  streams.set(appid, ofApp.add(stream))
  return ofApp
}

function take(streams: Map<AppId, Set<Stream>>, appid: AppId, stream: Stream): void {
  const ofApp = streams.get(appid)
  ofApp?.delete(stream)
  if (ofApp?.size === 0) streams.delete(appid)
}
