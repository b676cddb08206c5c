import type { Clock, Timer } from './clock.js'
import { type BareJid, domainOf } from './jid.js'
import { OneAtATime } from './one-at-a-time.js'
import type { PresenceBoard } from './presence-board.js'
import { type LoggedPresence, MOST_IN_BATCH, type PresenceStore } from './presence-store.js'
import { Retention, type RetentionLimits } from './retention.js'
import { type Look, loggedPresence, lookOf, type User } from './user.js'

// One batch a tick: what one tick collects is lost by a kill in it.
const TICK_MS = 5
// So many presences are kept as they came. More cost disk, and time at the next start; with fewer, who changes again soon
// was folded in vain.
const MIN_KEPT = 10_000
const KEPT_PER_USER = 2
// Each is remembered; where few change in a tick there are many.
const MAX_BATCHES = 20_000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 10_000
// What became of grants is little, and who was away for a week must still learn who took hers back.
const GRANTS_KEPT_MS = 7 * 86_400_000

interface Batch {
  readonly count: number
  /** So many of its users are in no later one. */
  living: number
}

/** Presences that were appended to the log together. */
export interface AppendedPresences {
  readonly number: number
  readonly at: number
  readonly presences: readonly LoggedPresence[]
}

/**
 * Stores each changed user's presence, behind the board. Waiting: at most every user once. What is stored is a log in batches,
 * which it keeps from growing without end.
 */
export class PresenceWriter {
  readonly #board: PresenceBoard
  readonly #store: PresenceStore
  readonly #clock: Clock
  readonly #retention: Retention
  readonly #listeners = new Set<(batch: AppendedPresences) => void>()
  /** Who changed, and what the log still has of her. */
  #waiting = new Map<BareJid, Look>()
  /** Of those that are being appended. */
  #appending = new Map<BareJid, Look>()
  /** Not folded yet, the oldest first. */
  readonly #batches = new Map<number, Batch>()
  /** Presences in all of them. */
  #logged = 0
  #timer: Timer | null = null
  #retryMs = 0
  readonly #line = new OneAtATime()
  #unlisten: () => void = () => {}
  #stopped = false

  constructor(board: PresenceBoard, store: PresenceStore, clock: Clock, limits: RetentionLimits) {
    this.#board = board
    this.#store = store
    this.#clock = clock
    this.#retention = new Retention(limits)
  }

  /** Called after each batch is stored, in order, until the returned function is called. Must not throw. */
  onAppend(listener: (batch: AppendedPresences) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What the log has of her: all that was appended, and nothing that was not. */
  logged(user: BareJid): Look {
    return this.#appending.get(user) ?? this.#waiting.get(user) ?? lookOf(this.#board.user(user))
  }

  /** From the first failure until all is stored again; everything unsaved is kept and tried again. */
  get failing(): boolean {
    return this.#retryMs > 0
  }

  /** Users whose newest presence is not stored yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Puts on the board what was stored of the users of such domains. To be called once, before `start`. */
  async load(isServed: (domain: string) => boolean): Promise<void> {
    for (const { batch, presence } of await this.#store.changes()) {
      if (isServed(domainOf(presence.user))) this.#board.load(presence)
      if (batch > 0) this.#log(batch, [this.#board.user(presence.user)])
    }
    for (const batch of await this.#store.kept()) this.#retention.note(batch)
  }

  start(): void {
    this.#unlisten = this.#board.onChange(({ user, after, was }) => {
      // What was stored of her is gone, and she is not to be named either.
      if (after === 'unknown' && this.#board.refuses(user)) {
        this.#waiting.delete(user)
        this.#appending.delete(user)
        return
      }
      if (!this.#waiting.has(user)) this.#waiting.set(user, was)
      this.#timer ??= this.#later(TICK_MS)
    })
  }

  /** Lets go of what readers of the log are not to find any more. To be called each second; rejects if that fails. */
  async prune(): Promise<void> {
    const now = this.#clock.now()
    await this.#store.prune(this.#retention.expired(now) ?? 0, now - GRANTS_KEPT_MS)
  }

  /** Stores what waits now; rejects if that fails. */
  async flush(): Promise<void> {
    for (let left = this.#waiting.size; left > 0; left -= MOST_IN_BATCH) {
      await this.#writeNext()
      await new Promise<void>((resolve) => this.#clock.after(0, resolve))
    }
  }

  /** Stores what waits; rejects if that fails. */
  async stop(): Promise<void> {
    this.#unlisten()
    this.#stopped = true
    this.#timer?.cancel()
    await this.#line.over()
    while (this.#waiting.size > 0) await this.#writeNext()
  }

  #tick(): void {
    this.#writeNext().then(
      () => {
        this.#timer = this.#waiting.size > 0 ? this.#later(TICK_MS) : null
        if (this.#waiting.size === 0) this.#retryMs = 0
      },
      // Whoever stores says why.
      () => {
        this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2 || FIRST_RETRY_MS)
        this.#timer = this.#later(this.#retryMs)
      },
    )
  }

  #later(ms: number): Timer | null {
    return this.#stopped ? null : this.#clock.after(ms, () => this.#tick())
  }

  #writeNext(): Promise<void> {
    return this.#line.run(() => this.#write())
  }

  async #write(): Promise<void> {
    const changed = this.#next()
    if (changed.size > 0) await this.#append(changed)
    await this.#fold()
  }

  /** Takes those whose turn it is from those who wait. */
  #next(): Map<BareJid, Look> {
    let changed = this.#waiting
    if (changed.size <= MOST_IN_BATCH) {
      this.#waiting = new Map()
      return changed
    }
    changed = new Map()
    for (const [jid, logged] of this.#waiting) {
      this.#waiting.delete(jid)
      if (changed.set(jid, logged).size === MOST_IN_BATCH) break
    }
    return changed
  }

  async #append(changed: Map<BareJid, Look>): Promise<void> {
    const users: (User | undefined)[] = []
    const presences: LoggedPresence[] = []
    for (const [jid, { show }] of changed) {
      const user = this.#board.user(jid)
      users.push(user)
      presences.push(loggedPresence(jid, user, show))
    }
    this.#appending = changed
    const at = this.#clock.now()
    let number: number
    try {
      number = await this.#store.append(presences, at)
    } catch (error) {
      for (const [jid, logged] of changed) this.#waiting.set(jid, logged)
      throw error
    } finally {
      this.#appending = new Map()
    }
    this.#log(number, users)
    this.#retention.note({ number, at, size: users.length })
    for (const listener of this.#listeners) listener({ number, at, presences })
  }

  /** Who was forgotten is undefined. */
  #log(batch: number, users: readonly (User | undefined)[]): void {
    const { count = 0, living = 0 } = this.#batches.get(batch) ?? {}
    this.#batches.set(batch, { count: count + users.length, living: living + users.length })
    this.#logged += users.length
    for (const user of users) {
      if (!user) continue
      const before = this.#batches.get(user.batch)
      user.batch = batch
      if (before) before.living--
    }
  }

  /** The oldest batches, when there are more than are kept: those in which nobody's last presence is cost nothing. */
  async #fold(): Promise<void> {
    const keep = MIN_KEPT + KEPT_PER_USER * this.#board.size
    let logged = this.#logged
    let batches = this.#batches.size
    let upTo = 0
    let folded = 0
    const living: number[] = []
    for (const [number, batch] of this.#batches) {
      const isKept = logged - batch.count < keep && batches <= MAX_BATCHES
      if (isKept || folded >= MOST_IN_BATCH) break
      upTo = number
      logged -= batch.count
      batches--
      if (batch.living === 0) continue
      living.push(number)
      folded += batch.count
    }
    if (upTo === 0) return
    await this.#store.fold(upTo, living, (user, batch) => this.#board.isLastIn(user, batch))
    for (const [number, { count }] of this.#batches) {
      if (number > upTo) break
      this.#batches.delete(number)
      this.#logged -= count
    }
  }
}
