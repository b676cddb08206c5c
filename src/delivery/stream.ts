import type { Bytes } from '../presence/bytes.js'
import type { Clock } from '../presence/clock.js'
import type { FeedListener } from './audience.js'
import type { Feed } from './feed.js'
import { inChunks } from './in-chunks.js'
import type { Position } from './position.js'
import type { Told } from './update.js'
import type { Signal, Wire } from './wire.js'

/** Why we end a stream. The first three are final; after the others its reader may come back. */
export type Ending = 'bad-key' | 'stopped' | 'replaced' | 'too-slow' | 'failed' | 'shutdown'

/** Why it is over: the reader has left, is not heard any more, or breaks the rules of her transport. */
export type Parting = Ending | 'left' | 'unheard' | 'unruly'

/** A connection, as a stream writes to it. */
export interface Sink {
  /** false: it has enough; `drained` is called when it takes more. What it was given goes out whole, and first, all the same. */
  write(chunk: Bytes): boolean
  /** Nothing is written after it. */
  end(ending: Ending): void
}

export interface StreamLimits {
  /** So many bytes may wait for a reader. */
  readonly bufferBytes: number
  /** So long may they. */
  readonly lagMs: number
}

export interface StreamParts {
  readonly feed: Feed
  readonly wire: Wire
  readonly sink: Sink
  readonly clock: Clock
  readonly limits: StreamLimits
  /** Whom alone it tells of; null: everybody that the app may see. */
  readonly uids: ReadonlySet<string> | null
  readonly failed: (error: unknown) => void
  /** Called once, when it ends in whatever way. */
  readonly closed: (parting: Parting) => void
}

// Who takes nothing at all of it for so long is cut off.
const STALLED_MS = 30_000
// Less than a millisecond's worth.
const USERS_A_TURN = 800

/**
 * What one reader is told: everybody's presence, then what changes; or what she missed since a cursor, then what changes. What
 * she does not take waits, up to the limits; who falls further behind is cut off, and comes back with her cursor.
 */
export class Stream implements FeedListener {
  readonly #parts: StreamParts
  // Of ten thousand streams each that is told something is looked up anew in memory: what it needs for that is its own.
  readonly #feed: Feed
  readonly #wire: Wire
  readonly #sink: Sink
  #unlisten: (() => void) | null = null
  /** What the sink does not take yet; with the time at which each began to wait. */
  #queue: { readonly chunk: Bytes; readonly since: number }[] = []
  #queued = 0
  /** Since when the sink takes nothing; null: it does. */
  #blockedSince: number | null = null
  #drained: (() => void) | null = null
  /** Whether it is told what happens now, and not what happened. */
  #isLive = false
  #ended = false
  #sent = 0
  #freshness: 'live' | 'stale' = 'live'

  constructor(parts: StreamParts) {
    this.#parts = parts
    this.#feed = parts.feed
    this.#wire = parts.wire
    this.#sink = parts.sink
  }

  get ended(): boolean {
    return this.#ended
  }

  get wire(): Wire {
    return this.#wire
  }

  /** So many updates were written since this was asked last, those of snapshots not among them. */
  takeSent(): number {
    const sent = this.#sent
    this.#sent = 0
    return sent
  }

  /** `since`: as the reader says it; null: she knows nothing yet. */
  async run(since: string | null): Promise<void> {
    try {
      const feed = this.#feed
      const said = since === null ? null : feed.cursors.read(since)
      // What the log has not come to yet was said of another one.
      const position = said !== null && said <= feed.position ? said : null
      if (since !== null && position === null) this.#say({ reset: true })
      await this.#catchUp(position)
    } catch (error) {
      if (this.#ended) return
      this.#parts.failed(error)
      this.end('failed')
    }
  }

  /** Ends it; the reader is told why as far as her connection still takes it. */
  end(ending: Ending): void {
    if (this.#ended) return
    this.closed(ending)
    this.#sink.end(ending)
  }

  /** Asks the reader to come back in so many ms. */
  dismiss(reconnect: number): void {
    if (this.#ended) return
    this.#say({ reconnect })
    this.end('shutdown')
  }

  /** To be called when the connection is gone. */
  closed(parting: Parting = 'left'): void {
    if (this.#ended) return
    this.#ended = true
    this.#parts.closed(parting)
    this.#unlisten?.()
    this.#queue = []
    this.#queued = 0
    this.#drained?.()
  }

  /** To be called when the sink takes more. */
  drained(): void {
    if (this.#ended) return
    this.#blockedSince = null
    let count = 0
    for (const { chunk } of this.#queue) {
      count++
      this.#queued -= chunk.length
      if (!this.#write(chunk)) break
    }
    this.#queue = this.#queue.slice(count)
    if (this.#blockedSince === null) this.#drained?.()
  }

  /** To be called each second or so. */
  check(): void {
    if (this.#ended || this.#blockedSince === null) return
    const { clock, limits } = this.#parts
    const since = this.#queue[0]?.since ?? this.#blockedSince
    if (clock.steady() - since > (this.#isLive ? limits.lagMs : STALLED_MS)) this.end('too-slow')
  }

  told(told: readonly Told[]): void {
    if (this.#ended) return
    this.#tell(this.#feed.encoded(told, this.#wire), told.length)
  }

  freshness(freshness: 'live' | 'stale'): void {
    if (this.#ended || freshness === this.#freshness) return
    this.#freshness = freshness
    this.#say({ freshness })
  }

  lost(): void {
    if (this.#ended) return
    this.#isLive = false
    this.#unlisten?.()
    this.#say({ reset: true })
    this.run(null)
  }

  async #catchUp(from: Position | null): Promise<void> {
    const { feed, wire, uids } = this.#parts
    let position = from === null ? await this.#snapshot() : from
    // Where nothing is missing, anything that comes now is told at once.
    while (!this.#ended && !feed.isAtEnd(position)) {
      const step = await feed.after(position)
      if (this.#ended) return
      if (step === null) {
        this.#say({ reset: true })
        position = await this.#snapshot()
        continue
      }
      const mine = uids ? step.told.filter(({ update }) => uids.has(update.uid)) : step.told
      await this.#paced(mine, (part) => {
        const still = feed.stillTold(part)
        if (still.length > 0) this.#tell(wire.told(still), still.length)
      })
      position = step.position
    }
    if (this.#ended) return
    this.#isLive = true
    this.#say({ ready: true, cursor: feed.cursors.write(position) })
    this.#unlisten = feed.listen(this, uids)
    this.freshness(feed.freshness)
  }

  async #snapshot(): Promise<Position> {
    const { feed, wire, uids } = this.#parts
    const { seen, position } = await feed.snapshot(uids)
    if (this.#ended) return position
    // An empty one is said, too.
    if (seen.length === 0) this.#push(wire.snapshot([]))
    await this.#paced(seen, (part) => this.#push(wire.snapshot(feed.updates(part))))
    return position
  }

  /** As fast as the reader takes it; there may be 100,000, and others have their turns in between. */
  async #paced<T>(items: readonly T[], write: (part: readonly T[]) => void): Promise<void> {
    let inTurn = 0
    for (const part of inChunks(items)) {
      if (inTurn >= USERS_A_TURN) {
        inTurn = 0
        await new Promise<void>((resolve) => this.#parts.clock.after(0, resolve))
      }
      if (this.#ended) return
      write(part)
      inTurn += part.length
      await this.#flowing()
    }
  }

  #tell(chunk: Bytes, updates: number): void {
    if (this.#ended) return
    this.#sent += updates
    this.#push(chunk)
  }

  #say(signal: Signal): void {
    this.#push(this.#wire.signal(signal))
  }

  #push(chunk: Bytes): void {
    if (this.#blockedSince === null) return void this.#write(chunk)
    this.#queue.push({ chunk, since: this.#parts.clock.steady() })
    this.#queued += chunk.length
    if (this.#isLive && this.#queued > this.#parts.limits.bufferBytes) this.end('too-slow')
  }

  #write(chunk: Bytes): boolean {
    const takesMore = this.#sink.write(chunk)
    if (!takesMore) this.#blockedSince = this.#parts.clock.steady()
    return takesMore
  }

  /** Once nothing waits. */
  async #flowing(): Promise<void> {
    while (!this.#ended && this.#blockedSince !== null) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
      this.#drained = null
    }
  }
}
