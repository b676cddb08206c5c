import type { Clock, Timer } from './clock.js'
import type { BareJid } from './jid.js'
import type { PresenceBoard } from './presence-board.js'
import type { PresenceStore, StoredPresence } from './presence-store.js'

export interface WriterObserver {
  /** Once when storing begins to fail; everything unsaved is kept and tried again. */
  failed(error: unknown): void
  /** Once when it works again and nothing is waiting. */
  recovered(): void
}

// One transaction a tick: what one tick collects is lost by a kill in it.
const TICK_MS = 5
const USERS_PER_TRANSACTION = 2000
const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 10_000

/** Stores each changed user's presence, behind the board. Waiting: at most every user once, by name only. */
export class PresenceWriter {
  readonly #board: PresenceBoard
  readonly #store: PresenceStore
  readonly #clock: Clock
  readonly #observer: WriterObserver
  #waiting = new Set<BareJid>()
  #timer: Timer | null = null
  #retryMs = 0
  #writing: Promise<void> = Promise.resolve()
  #unlisten: () => void = () => {}
  #stopped = false

  constructor(board: PresenceBoard, store: PresenceStore, clock: Clock, observer: WriterObserver) {
    this.#board = board
    this.#store = store
    this.#clock = clock
    this.#observer = observer
  }

  get failing(): boolean {
    return this.#retryMs > 0
  }

  /** Users whose newest presence is not stored yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  start(): void {
    this.#unlisten = this.#board.onChange(({ user }) => {
      this.#waiting.add(user)
      this.#timer ??= this.#later(TICK_MS)
    })
  }

  /** Stores what waits; rejects if that fails. */
  async stop(): Promise<void> {
    this.#unlisten()
    this.#stopped = true
    this.#timer?.cancel()
    await this.#writing
    while (this.#waiting.size > 0) await this.#write()
  }

  #tick(): void {
    this.#writing = this.#write().then(
      () => {
        this.#timer = this.#waiting.size > 0 ? this.#later(TICK_MS) : null
        if (this.#retryMs === 0 || this.#waiting.size > 0) return
        this.#retryMs = 0
        this.#observer.recovered()
      },
      (error: unknown) => {
        if (this.#retryMs === 0) this.#observer.failed(error)
        this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2 || FIRST_RETRY_MS)
        this.#timer = this.#later(this.#retryMs)
      },
    )
  }

  #later(ms: number): Timer | null {
    return this.#stopped ? null : this.#clock.after(ms, () => this.#tick())
  }

  async #write(): Promise<void> {
    const changed: StoredPresence[] = []
    const gone: BareJid[] = []
    const users: BareJid[] = []
    for (const user of this.#waiting) {
      const stored = this.#board.stored(user)
      if (stored) changed.push(stored)
      else gone.push(user)
      users.push(user)
      if (users.length === USERS_PER_TRANSACTION) break
    }
    for (const user of users) this.#waiting.delete(user)
    try {
      await this.#store.savePresences(changed, gone)
    } catch (error) {
      for (const user of users) this.#waiting.add(user)
      throw error
    }
  }
}
