import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import type { BareJid } from '../presence/jid.js'
import { AppFault } from './app-fault.js'
import type { Outbound } from './outbound.js'

// One counter for each user who had any lately: she is signed in.
const LIMIT = { points: 30, duration: 600 }
// Of all that are fetched at once, by whomever, a tenth: each errand fetches one thing after the other.
const MOST_AT_ONCE = 5
// Who asks waits for the answer, and is cut off after 10 s (PATIENCE_MS).
const MOST_MS = 8000

/** What users have fetched or looked up for their apps: by each so much, and each in so short a time that she hears of it. */
export class Errands {
  readonly #outbound: Outbound
  readonly #limiter = new RateLimiterMemory(LIMIT)
  /** How many of each are under way. */
  readonly #underWay = new Map<BareJid, number>()

  constructor(outbound: Outbound) {
    this.#outbound = outbound
  }

  /** `errand` may call by what it gets, one call after the other. Throws AppFault. */
  async run<T>(user: BareJid, errand: (outbound: Outbound) => Promise<T>): Promise<T> {
    const others = this.#underWay.get(user) ?? 0
    if (others >= MOST_AT_ONCE) throw new AppFault('too-often', `at most ${MOST_AT_ONCE} at once`, MOST_MS)
    this.#underWay.set(user, others + 1)
    try {
      await this.#limiter.consume(user).catch(({ msBeforeNext }: RateLimiterRes) => {
        const limit = `at most ${LIMIT.points} times in ${LIMIT.duration / 60} minutes`
        throw new AppFault('too-often', limit, msBeforeNext)
      })
      return await errand(this.#outbound.within(MOST_MS))
    } finally {
      const left = (this.#underWay.get(user) ?? 1) - 1
      if (left > 0) this.#underWay.set(user, left)
      else this.#underWay.delete(user)
    }
  }
}
