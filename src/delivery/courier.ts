import type { AppId } from '../apps/app.js'
import type { Clock, Timer } from '../presence/clock.js'
import type { Feed } from './feed.js'
import { type Lanes, QUICK_MS } from './lanes.js'
import { messageId } from './message-id.js'
import type { Position } from './position.js'
import type { CallOutcome, WebhookCalls } from './webhook-calls.js'
import { WebhookReader, type WebhookReaderParts } from './webhook-reader.js'
import { afterFailure } from './webhook-retries.js'
import type { Delivery, Flight, WebhookState } from './webhook-state.js'
import type { WebhookWriter } from './webhook-writer.js'

// What is older when it is to be tried again is given up.
const GIVEN_UP_MS = 3_600_000
const RETRY_MS = 1000

export interface CourierParts {
  readonly calls: WebhookCalls
  readonly lanes: Lanes
  readonly writer: WebhookWriter
  readonly log: WebhookReaderParts['log']
  readonly lastChange: WebhookReaderParts['lastChange']
  readonly budget: WebhookReaderParts['budget']
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
  /** 0 to 1 */
  readonly fraction: () => number
  readonly timeoutMs: number
  readonly failed: (error: unknown) => void
  /** It has turned itself off. */
  readonly off: (appid: AppId) => void
}

/** Brings one app what its feed has for it: one call after the other, each until it succeeds or is given up. */
export class Courier {
  readonly #appid: AppId
  readonly #feed: Feed
  readonly #parts: CourierParts
  readonly #reader: WebhookReader
  readonly #running: Promise<void>
  #url: string
  #state: WebhookState
  /** Whether the last try succeeded soon. */
  #isQuick: boolean
  /** What is in flight, or being made, must not be sent any more. */
  #isVoid = false
  #replay: Position | null = null
  /** As it was given to be stored. */
  #stored: WebhookState
  #stopped = false
  #waiting: (() => void) | null = null
  #sending: Promise<unknown> = Promise.resolve()
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
    this.#isQuick = state.failures === 0
    this.#reader = new WebhookReader({
      feed,
      lastChange: parts.lastChange,
      log: parts.log,
      budget: parts.budget,
      told: () => this.#wake(),
    })
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

  /** What was to be told of that user may not hold any more. */
  grantChanged(uid: string): void {
    this.#reader.forget()
    const { flight } = this.#state
    // Of who gave it anew nothing is on its way.
    if (flight === null || flight.body.includes(uid)) this.#isVoid = true
    this.#wake()
  }

  /** Tells all after that position again. */
  replay(position: Position): void {
    this.#replay = position
    this.tryNow()
  }

  tryNow(): void {
    this.#state = { ...this.#state, nextAt: 0 }
    this.#wake()
  }

  /** Stores how far it is, though it had nothing to tell: else it would be told of more than it missed, some day. */
  async note(): Promise<void> {
    if (this.#state.flight === null && this.#state !== this.#stored) await this.#save()
  }

  /** Sends nothing more; a call that is under way is waited for by nobody, and does not count. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#reader.close()
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
    this.#woken = false
    this.#attend()
    const { flight, nextAt } = this.#state
    if (flight === null) {
      await this.#make()
      const { flight: made, progress } = this.#state
      if (made !== this.#stored.flight || progress.round !== this.#stored.progress.round) await this.#save()
      else if (!this.#woken) await this.#wait(null)
      return
    }
    const now = this.#parts.clock.now()
    if (nextAt > now) return this.#wait(nextAt - now)
    if (now - flight.at > GIVEN_UP_MS) {
      const round = { to: this.#feed.position, through: '' }
      const progress = { position: this.#state.progress.position, round }
      this.#state = { ...this.#state, flight: null, progress }
      return this.#reader.forget()
    }
    await this.#try(flight)
  }

  /** Does what was asked for meanwhile. */
  #attend(): void {
    if (this.#replay !== null) {
      const position = Math.min(this.#replay, this.#state.progress.position)
      this.#state = { ...this.#state, flight: null, progress: { position, round: null } }
      this.#reader.forget()
    } else if (this.#isVoid) this.#state = { ...this.#state, flight: null }
    this.#replay = null
    this.#isVoid = false
  }

  async #try(flight: Flight): Promise<void> {
    const { clock, fraction } = this.#parts
    const url = this.#url
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
    const delivery: Delivery = { id, at, attempt, status, error, ms, updates }
    const succeeded = status !== null && status >= 200 && status < 300
    if (!succeeded && url !== this.#url) return
    this.#isQuick = succeeded && ms <= QUICK_MS
    const tries = this.#state.tries + 1
    if (succeeded) {
      this.#state = { ...this.#state, ...NOT_FAILING, progress: flight.leadsTo, flight: null, tries }
      // With what comes next, so that a storm of changes costs one write a call.
      await this.#make()
    } else {
      const again = this.#isVoid ? null : { ...flight, attempts: attempt }
      this.#state = {
        ...this.#state,
        ...afterFailure(this.#state, clock.now(), { status, retryAfter }, fraction),
        flight: again,
        tries,
      }
    }
    await this.#save(delivery)
    if (this.#state.off) this.#parts.off(this.#appid)
  }

  /** null: it was not wanted any more. */
  async #send(flight: Flight, url: string): Promise<CallOutcome | null> {
    const { lanes, calls, timeoutMs } = this.#parts
    // While it stands in line, or is being connected, a user may take her grant back.
    let isWanted = true
    const ask = () => {
      isWanted = !this.#stopped && !this.#isVoid && this.#replay === null
      return isWanted
    }
    const leave = await lanes.enter(this.#isQuick)
    try {
      if (!ask()) return null
      const sent = calls.send(this.#appid, url, flight, timeoutMs, ask)
      // Whoever wants it says why it cannot be read.
      const reading = this.#reader.readOn(flight.leadsTo).catch(() => {})
      const [outcome] = await Promise.all([sent, reading])
      return isWanted ? outcome : null
    } finally {
      leave()
    }
  }

  /** Puts what comes next in flight, if there is anything; nothing is in flight now, so that a change of any grant makes it void. */
  async #make(): Promise<void> {
    const { clock, random } = this.#parts
    const { pairs, cursor, leadsTo } = await this.#reader.next(this.#state.progress)
    if (this.#isVoid || this.#replay !== null) return
    if (pairs.length === 0) {
      this.#state = { ...this.#state, progress: leadsTo }
      return
    }
    const at = clock.now()
    const timestamp = new Date(at).toISOString()
    const written = this.#feed.cursors.write(cursor)
    const body = `{"type":"presence.updated","timestamp":"${timestamp}","cursor":"${written}","data":[${pairs}]}`
    const flight = { id: messageId(random), body, updates: pairs.length, at, attempts: 0, leadsTo }
    this.#state = { ...this.#state, flight }
  }

  /** Before anything of it is sent. */
  async #save(delivery?: Delivery): Promise<void> {
    const state = this.#state
    this.#stored = state
    // What has become void until it is written is not written.
    const kept = () => (this.#isVoid ? { ...state, flight: null } : state)
    await this.#parts.writer.save(() => ({ appid: this.#appid, state: kept(), ...(delivery && { delivery }) }))
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
