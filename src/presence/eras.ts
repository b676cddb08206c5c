import type { Clock } from './clock.js'
import type { Freshness } from './presence.js'

/**
 * A point in the order in which things were heard. Whatever was heard at or after a mark was heard since it; a proof
 * that began at a mark speaks of everything that was not.
 */
export type Mark = number

/** What was loaded at the start: heard, but before every mark. */
export const BEFORE_ALL: Mark = 0
/** Nothing was ever heard. */
export const NEVER: Mark = -1

/** One time of being connected. */
interface Era {
  readonly begin: Mark
  /** ms since 1970; null while it lasts */
  endedAt: number | null
}

// A link that flaps faster than staleAfter can end this many eras; the oldest is forgotten first, which turns its users unknown early.
const MAX_ERAS = 64

/** The order of what is heard, and the times of being connected in it: tells how fresh is what a mark covers. */
export class Eras {
  readonly #clock: Clock
  readonly #staleAfterMs: number
  #mark: Mark = BEFORE_ALL + 1
  #eras: Era[]
  #begin: Mark = BEFORE_ALL
  #linked = false

  constructor(clock: Clock, staleAfterMs: number) {
    this.#clock = clock
    this.#staleAfterMs = staleAfterMs
    // What is loaded counts as known until now: stale, and unknown after staleAfter.
    this.#eras = [{ begin: BEFORE_ALL, endedAt: clock.now() }]
  }

  /** The present mark: what is heard now is heard at it. */
  get now(): Mark {
    return this.#mark
  }

  get linked(): boolean {
    return this.#linked
  }

  mark(): Mark {
    return ++this.#mark
  }

  linkUp(): void {
    this.linkDown()
    this.#linked = true
    this.#begin = this.mark()
    this.#eras.push({ begin: this.#begin, endedAt: null })
  }

  linkDown(): void {
    const now = this.#clock.now()
    this.#linked = false
    const last = this.#eras.at(-1)
    if (last && last.endedAt === null) last.endedAt = now
    this.#eras = this.#eras
      .filter(({ endedAt }) => endedAt === null || now - endedAt < this.#staleAfterMs)
      .slice(-MAX_ERAS)
  }

  /** Whether it lies in the present time of being connected. */
  isPresent(mark: Mark): boolean {
    return this.#linked && mark >= this.#begin
  }

  freshness(covered: Mark): Freshness {
    if (this.isPresent(covered)) return 'live'
    for (let i = this.#eras.length - 1; i >= 0; i--) {
      const era = this.#eras[i]
      if (!era || era.begin > covered || era.endedAt === null) continue
      return this.#clock.now() - era.endedAt < this.#staleAfterMs ? 'stale' : 'unknown'
    }
    return 'unknown'
  }
}
