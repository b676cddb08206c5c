import type { AppId } from '../apps/app.js'
import type { Timer } from '../presence/clock.js'
import type { Feed } from './feed.js'
import { FlightMaker, type FlightMakerParts } from './flight-maker.js'
import { type Lanes, QUICK_MS } from './lanes.js'
import type { Position } from './position.js'
import type { CallOutcome, WebhookCalls } from './webhook-calls.js'
import { afterFailure } from './webhook-retries.js'
import { type Delivery, type Flight, flightsBefore, type Off, type WebhookState } from './webhook-state.js'
import type { WebhookWriter } from './webhook-writer.js'

// What is older when it is to be tried again is given up.
const GIVEN_UP_MS = 3_600_000
const RETRY_MS = 1000

export interface CourierParts extends Omit<FlightMakerParts, 'feed' | 'told'> {
  readonly calls: WebhookCalls
  readonly lanes: Lanes
  readonly writer: WebhookWriter
  /** 0 to 1 */
  readonly fraction: () => number
  readonly timeoutMs: number
  readonly failed: (error: unknown) => void
  /** It has turned itself off. */
  readonly off: (appid: AppId, because: Off['because']) => void
}

/** Brings one app what its feed has for it: one call after the other, each until it succeeds or is given up. */
export class Courier {
  readonly #appid: AppId
  readonly #feed: Feed
  readonly #parts: CourierParts
  readonly #maker: FlightMaker
  readonly #running: Promise<void>
  #url: string
  #state: WebhookState
  /** Whether the last try succeeded soon. */
  #isQuick: boolean
  /** As it was written last. */
  #stored: WebhookState
  /** Of that, what the store still has: nothing else is sent. */
  #inStore: readonly Flight[]
  /** Tries that are not stored yet: no more than are in flight together. */
  #tried: readonly Delivery[] = []
  #stopped = false
  #waiting: (() => void) | null = null
  #sending: Promise<unknown> = Promise.resolve()
  /** Until what a grant's change has cut is stored anew. */
  #mending: Promise<void> = Promise.resolve()
  /** Waits no longer for the call that is under way. */
  #letGo: () => void = () => {}
  /** Something may be otherwise than when it was last looked at. */
  #woken = false

  constructor(feed: Feed, url: string, state: WebhookState, parts: CourierParts) {
    this.#appid = feed.appid
    this.#feed = feed
    this.#parts = parts
    this.#url = url
    this.#state = state
    this.#stored = state
    this.#inStore = state.flights
    this.#isQuick = state.failures === 0
    this.#maker = new FlightMaker({ ...parts, feed, told: () => this.#wake() })
    this.#running = this.#run()
  }

  get feed(): Feed {
    return this.#feed
  }

  /** As it stands; of what it was told lately not all may be stored. */
  get state(): WebhookState {
    return this.#state
  }

  /** Once the last call is over, which outlives a stop. */
  async callOver(): Promise<void> {
    await this.#sending.catch(() => {})
  }

  /** Another URL, perhaps: what the one before answered is not held against it. */
  set url(url: string) {
    if (url === this.#url) return
    this.#url = url
    this.#state = { ...this.#state, ...NOT_FAILING }
    this.#wake()
  }

  /** What was to be told of that user may not hold any more; the store has dropped what it had of it. */
  grantChanged(uid: string): void {
    // Of who gave it anew nothing is on its way.
    this.#maker.forget()
    this.#state = { ...this.#state, flights: flightsBefore(uid, this.#state.flights) }
    const kept = flightsBefore(uid, this.#inStore)
    const isCut = kept.length < this.#inStore.length
    this.#inStore = kept
    // It may have dropped some that do not name her, behind one that was answered since: those are under way still.
    if (isCut) this.#mending = this.#save()
    this.#wake()
  }

  /** Tells all after that position again. */
  replay(position: Position): void {
    this.#maker.forget()
    const progress = { position: Math.min(position, this.#state.progress.position), round: null }
    this.#state = { ...this.#state, flights: [], progress }
    this.tryNow()
  }

  tryNow(): void {
    this.#state = { ...this.#state, nextAt: 0 }
    this.#wake()
  }

  /** Stores how far it is, though it had nothing to tell: else it would be told of more than it missed, some day. */
  async note(): Promise<void> {
    if (this.#state !== this.#stored) await this.#save()
  }

  /** Sends nothing more; a call that is under way is waited for by nobody, and does not count. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#maker.close()
    this.#letGo()
    this.#wake()
    await this.#running
    await this.note()
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.#state.off === null) {
      try {
        await this.#step()
      } catch (error) {
        this.#parts.failed(error)
        await this.#wait(RETRY_MS)
      }
    }
  }

  async #step(): Promise<void> {
    await this.#mending
    this.#woken = false
    const [flight] = this.#state.flights
    if (!flight) {
      await this.#make()
      const { flights, progress } = this.#state
      const isOther = flights.length + this.#inStore.length > 0 || progress.round !== this.#stored.progress.round
      if (isOther) await this.#save()
      else if (!this.#woken) await this.#wait(null)
      return
    }
    if (!this.#inStore.includes(flight)) return this.#save()
    const now = this.#parts.clock.now()
    const { nextAt } = this.#state
    if (nextAt > now) return this.#wait(nextAt - now)
    if (now - flight.at > GIVEN_UP_MS) {
      const round = { to: this.#feed.position, through: '' }
      const progress = { position: this.#state.progress.position, round }
      this.#state = { ...this.#state, flights: [], progress }
      return this.#maker.forget()
    }
    await this.#try(flight)
  }

  async #try(flight: Flight): Promise<void> {
    const { clock, fraction } = this.#parts
    const url = this.#url
    const { progress } = this.#state
    const sent = this.#send(flight, url)
    this.#sending = sent
    const outcome = await new Promise<CallOutcome | null>((resolve, reject) => {
      this.#letGo = () => resolve(null)
      sent.then(resolve, reject)
    })
    if (this.#stopped || outcome === null) return
    const { id, updates } = flight
    const attempt = flight.attempts + 1
    const { status = null, error = null, retryAfter = null, at, ms } = { ...NO_ANSWER, ...outcome }
    const succeeded = status !== null && status >= 200 && status < 300
    if (!succeeded && url !== this.#url) return
    this.#isQuick = succeeded && ms <= QUICK_MS
    this.#tried = [...this.#tried, { id, at, attempt, status, error, ms, updates }]
    const tries = this.#state.tries + 1
    const [first, ...others] = this.#state.flights
    if (succeeded) {
      // It may have been told meanwhile to begin elsewhere.
      const reached = this.#state.progress === progress ? flight.leadsTo : this.#state.progress
      this.#state = { ...this.#state, ...NOT_FAILING, progress: reached, flights: others, tries }
      if (others.length > 0) return
      // With what comes next, so that a storm of changes costs one write a call or less.
      await this.#make()
    } else {
      const flights = first === flight ? [{ ...flight, attempts: attempt }, ...others] : []
      const failure = afterFailure(this.#state, clock.now(), { status, retryAfter }, fraction)
      this.#state = { ...this.#state, ...failure, flights, tries }
    }
    await this.#save()
    if (this.#state.off) this.#parts.off(this.#appid, this.#state.off.because)
  }

  /** null: it was not wanted any more. */
  async #send(flight: Flight, url: string): Promise<CallOutcome | null> {
    const { lanes, calls, timeoutMs } = this.#parts
    // While it stands in line, or is being connected, a user may take her grant back.
    let isWanted = true
    const ask = () => {
      isWanted = !this.#stopped && this.#state.flights[0] === flight
      return isWanted
    }
    const leave = await lanes.enter(this.#isQuick)
    try {
      if (!ask()) return null
      const sent = calls.send(this.#appid, url, flight, timeoutMs, ask)
      // Whoever wants it says why it cannot be read.
      const making = this.#maker.makeAhead(this.#state.flights).catch(() => {})
      const [outcome] = await Promise.all([sent, making])
      return isWanted ? outcome : null
    } finally {
      leave()
    }
  }

  /** Puts what comes next in flight, if there is anything; nothing is in flight now. */
  async #make(): Promise<void> {
    await this.#maker.make(this.#state.progress)
    const { flights, upTo } = this.#maker.take()
    this.#state = { ...this.#state, flights, progress: upTo ?? this.#state.progress }
  }

  /** As it is when it is written: until then some of it may become void. */
  async #save(): Promise<void> {
    let tried: readonly Delivery[] = []
    await this.#parts.writer.save(() => {
      const state = this.#state
      this.#stored = state
      this.#inStore = state.flights
      tried = this.#tried
      return { appid: this.#appid, state, deliveries: tried }
    })
    this.#tried = this.#tried.filter((each) => !tried.includes(each))
  }

  #wake(): void {
    this.#woken = true
    this.#waiting?.()
  }

  /** null: until it is woken. */
  async #wait(ms: number | null): Promise<void> {
    const { clock } = this.#parts
    if (this.#stopped) return
    let timer: Timer | null = null
    await new Promise<void>((resolve) => {
      this.#waiting = resolve
      if (ms !== null) timer = clock.after(Math.min(ms, LONGEST_TIMER_MS), resolve)
    })
    this.#waiting = null
    ;(timer as Timer | null)?.cancel()
  }
}

const LONGEST_TIMER_MS = 86_400_000
const NO_ANSWER = { status: null, error: null, retryAfter: null }
const NOT_FAILING = { failingSince: null, failures: 0, nextAt: 0 }
