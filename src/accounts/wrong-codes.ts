import type { Clock } from '../presence/clock.js'
import { SLOTS, Slots } from './slots.js'

const DAY_MS = 24 * 3_600_000
// Whoever guesses all year long at one user's codes, from wherever, comes upon one of a million with one per cent.
const MOST_FOR_USER = 30
const MOST_FROM_SITE = 50

/** How often codes were guessed wrong in the day that runs: for whom, and from where. */
export class WrongCodes {
  readonly #clock: Clock
  readonly #slots: Slots
  readonly #forUser = new Uint8Array(SLOTS)
  readonly #fromSite = new Uint8Array(SLOTS)
  #since: number

  constructor(clock: Clock, random: (bytes: number) => Buffer) {
    this.#clock = clock
    this.#slots = new Slots(random)
    this.#since = clock.steady()
  }

  /** None may be tried any more until the day is over. */
  areTooMany(user: string, site: string): boolean {
    if (this.#clock.steady() - this.#since >= DAY_MS) {
      this.#since = this.#clock.steady()
      this.#forUser.fill(0)
      this.#fromSite.fill(0)
    }
    const [ofUser = 0, ofSite = 0] = [this.#forUser[this.#slots.of(user)], this.#fromSite[this.#slots.of(site)]]
    return ofUser >= MOST_FOR_USER || ofSite >= MOST_FROM_SITE
  }

  /** One more; never where they are too many already. */
  add(user: string, site: string): void {
    for (const [counts, whom] of [
      [this.#forUser, user],
      [this.#fromSite, site],
    ] as const) {
      const slot = this.#slots.of(whom)
      counts[slot] = (counts[slot] ?? 0) + 1
    }
  }
}
