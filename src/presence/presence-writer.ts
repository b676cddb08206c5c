import type { Clock, Timer } from './clock.js'
import { type BareJid, domainOf } from './jid.js'
import type { PresenceBoard } from './presence-board.js'
import type { PresenceStore } from './presence-store.js'
import { storedPresence, type User } from './user.js'

// One batch a tick: what one tick collects is lost by a kill in it.
const TICK_MS = 5
const USERS_PER_BATCH = 2000
// So many presences are kept as they came. More cost disk, and time at the next start; with fewer, who changes again soon
// was folded in vain.
const MIN_KEPT = 10_000
const KEPT_PER_USER = 2
// Each is remembered; where few change in a tick there are many.
const MAX_BATCHES = 20_000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 10_000

interface Batch {
  readonly count: number
  /** So many of its users are in no later one. */
  living: number
}

/**
 * Stores each changed user's presence, behind the board. Waiting: at most every user once, by name only. What is stored
 * is a log in batches, which it keeps from growing without end.
 */
export class PresenceWriter {
  readonly #board: PresenceBoard
  readonly #store: PresenceStore
  readonly #clock: Clock
  #waiting = new Set<BareJid>()
  /** Not folded yet, the oldest first. */
  readonly #batches = new Map<number, Batch>()
  /** Presences in all of them. */
  #logged = 0
  #timer: Timer | null = null
  #retryMs = 0
  #writing: Promise<void> = Promise.resolve()
  #unlisten: () => void = () => {}
  #stopped = false

  constructor(board: PresenceBoard, store: PresenceStore, clock: Clock) {
    this.#board = board
    this.#store = store
    this.#clock = clock
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
  }

  start(): void {
    this.#unlisten = this.#board.onChange(({ user, after }) => {
      // What was stored of her is gone, and she is not to be named either.
      if (after === 'unknown' && this.#board.refuses(user)) return void this.#waiting.delete(user)
      this.#waiting.add(user)
      this.#timer ??= this.#later(TICK_MS)
    })
  }

  /** Stores what waits now; rejects if that fails. */
  async flush(): Promise<void> {
    for (let left = this.#waiting.size; left > 0; left -= USERS_PER_BATCH) {
      await this.#writeNext()
      await new Promise<void>((resolve) => this.#clock.after(0, resolve))
    }
  }

  /** Stores what waits; rejects if that fails. */
  async stop(): Promise<void> {
    this.#unlisten()
    this.#stopped = true
    this.#timer?.cancel()
    await this.#writing
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

  /** One at a time. */
  #writeNext(): Promise<void> {
    const writing = this.#writing.then(() => this.#write())
    this.#writing = writing.catch(() => {})
    return writing
  }

  async #write(): Promise<void> {
    const jids: BareJid[] = []
    for (const jid of this.#waiting) {
      jids.push(jid)
      if (jids.length === USERS_PER_BATCH) break
    }
    if (jids.length > 0) await this.#append(jids)
    await this.#fold()
  }

  async #append(jids: readonly BareJid[]): Promise<void> {
    const users = jids.map((jid) => this.#board.user(jid))
    const presences = users.map((user, i) => storedPresence(jids[i] as BareJid, user))
    for (const jid of jids) this.#waiting.delete(jid)
    try {
      this.#log(await this.#store.append(presences), users)
    } catch (error) {
      for (const jid of jids) if (!this.#board.refuses(jid)) this.#waiting.add(jid)
      throw error
    }
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
      if (isKept || folded >= USERS_PER_BATCH) break
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
