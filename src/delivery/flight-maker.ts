import type { Clock } from '../presence/clock.js'
import { messageId } from './message-id.js'
import { WebhookReader, type WebhookReaderParts } from './webhook-reader.js'
import type { Flight, Progress } from './webhook-state.js'

// Stored together, so that one transaction is for so many calls; as many come again after a kill.
const MOST_TOGETHER = 8
// Of those before the last of them.
const MOST_BYTES = 40_000

export interface FlightMakerParts extends WebhookReaderParts {
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
}

/** What may be put in flight next. */
interface Made {
  readonly flights: Flight[]
  /** How far the app has come without any; null: not further than it was. */
  upTo: Progress | null
}

/** Makes what one app is to be sent: one at a time, or, while those before are on their way and it is behind, several. */
export class FlightMaker {
  readonly #parts: FlightMakerParts
  readonly #reader: WebhookReader
  /** Another one where it was told to forget: what is still being made then goes into the former, and nowhere. */
  #made: Made = { flights: [], upTo: null }

  constructor(parts: FlightMakerParts) {
    this.#parts = parts
    this.#reader = new WebhookReader(parts)
  }

  close(): void {
    this.#reader.close()
  }

  /** What it has read and made counts no longer: a grant is another one, or it begins elsewhere. */
  forget(): void {
    this.#reader.forget()
    this.take()
  }

  /** While the first of those is on its way: a share of what follows them, if there is more than one call could carry. */
  async makeAhead(underWay: readonly Flight[]): Promise<void> {
    const made = this.#made
    const { flights } = made
    const last = () => (flights.at(-1) ?? underWay.at(-1))?.leadsTo
    const from = last()
    if (!from) return
    // Once that has been written to its connection, so that its receiver works meanwhile, too: undici waits until then.
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (made !== this.#made) return
    await this.#reader.readOn(from)
    let left = Math.ceil((MOST_TOGETHER - flights.length) / underWay.length)
    for (let next = last(); next && left > 0 && made === this.#made && this.#reader.isBehind; next = last(), left--) {
      if (flights.reduce((sum, { body }) => sum + body.length, 0) >= MOST_BYTES) return
      const { flight } = await this.#make(next)
      if (flight === null) return
      flights.push(flight)
    }
  }

  /** What follows, if there is anything, can be taken then, unless it was told to forget. */
  async make(from: Progress): Promise<void> {
    const made = this.#made
    if (made.flights.length > 0) return
    const { flight, leadsTo } = await this.#make(from)
    if (flight) made.flights.push(flight)
    else made.upTo = leadsTo
  }

  take(): Readonly<Made> {
    const made = this.#made
    this.#made = { flights: [], upTo: null }
    return made
  }

  async #make(from: Progress): Promise<{ readonly flight: Flight | null; readonly leadsTo: Progress }> {
    const { clock, random, feed } = this.#parts
    const { pairs, cursor, leadsTo } = await this.#reader.next(from)
    if (pairs.length === 0) return { flight: null, leadsTo }
    const at = clock.now()
    const timestamp = new Date(at).toISOString()
    const written = feed.cursors.write(cursor)
    const body = `{"type":"presence.updated","timestamp":"${timestamp}","cursor":"${written}","data":[${pairs}]}`
    return { flight: { id: messageId(random), body, updates: pairs.length, at, attempts: 0, leadsTo }, leadsTo }
  }
}
