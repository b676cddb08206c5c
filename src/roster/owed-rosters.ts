import type { Clock, Timer } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'

const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 60_000
// Further ones get what is new when they log in again.
const MAX_OWED = 10_000

/** Users who were given an older roster, or none; theirs are fetched one after another, with back-off while that fails. */
export class OwedRosters {
  readonly #clock: Clock
  readonly #fraction: () => number
  readonly #fetch: (user: BareJid) => Promise<boolean>
  readonly #users = new Set<BareJid>()
  #timer: Timer | null = null
  #isFetching = false
  #failures = 0
  #isStopped = false

  /** `fetch` resolves with whether it was fetched, and never rejects. It must `settle` her then. */
  constructor(clock: Clock, fraction: () => number, fetch: (user: BareJid) => Promise<boolean>) {
    this.#clock = clock
    this.#fraction = fraction
    this.#fetch = fetch
  }

  get size(): number {
    return this.#users.size
  }

  add(user: BareJid): void {
    if (this.#users.size < MAX_OWED) this.#users.add(user)
    this.#later()
  }

  /** She comes behind the others: it may be her alone. */
  failedFor(user: BareJid): void {
    this.#users.delete(user)
    this.#failures ||= 1
    this.add(user)
  }

  /** Whether she was owed. */
  settle(user: BareJid): boolean {
    return this.#users.delete(user)
  }

  /** Without waiting any longer. */
  now(): void {
    this.#failures = 0
    this.#timer?.cancel()
    this.#timer = null
    this.#later()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #later(): void {
    if (this.#timer || this.#isFetching || this.#users.size === 0 || this.#isStopped) return
    // Full jitter: what comes back is not met by everybody at once.
    const most = this.#failures === 0 ? 0 : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1))
    this.#timer = this.#clock.after(this.#fraction() * most, () => {
      this.#timer = null
      void this.#fetchOne()
    })
  }

  async #fetchOne(): Promise<void> {
    const [user] = this.#users
    if (user === undefined) return
    this.#isFetching = true
    const isFetched = await this.#fetch(user)
    this.#isFetching = false
    this.#failures = isFetched ? 0 : this.#failures + 1
    this.#later()
  }
}
