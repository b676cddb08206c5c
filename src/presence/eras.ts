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
  /** By the steady clock; null while it lasts */
  endedAt: number | null
}

// A link that flaps faster than staleAfter can end this many eras; the oldest is forgotten first, which turns its users unknown early.
const MAX_ERAS = 64

/** The times in which a domain could be heard: tells how fresh is what a mark covers. */
export class Eras {
  readonly #clock: Clock
  readonly #staleAfterMs: number
  #eras: Era[]
  #begin: Mark = BEFORE_ALL
  #lasts = false

  /** `loadedAt`: until when what was loaded counts as known, by the steady clock; stale from then, unknown after staleAfter. */
  constructor(clock: Clock, staleAfterMs: number, loadedAt: number) {
    this.#clock = clock
    this.#staleAfterMs = staleAfterMs
    this.#eras = [{ begin: BEFORE_ALL, endedAt: loadedAt }]
  }

  /** Whether it can be heard now. */
  get lasts(): boolean {
    return this.#lasts
  }

  begin(mark: Mark): void {
    this.end()
    this.#lasts = true
    this.#begin = mark
    this.#eras.push({ begin: mark, endedAt: null })
  }

  end(): void {
    const now = this.#clock.steady()
    this.#lasts = false
    const last = this.#eras.at(-1)
    if (last && last.endedAt === null) last.endedAt = now
    this.#eras = this.#eras
      .filter(({ endedAt }) => endedAt === null || now - endedAt < this.#staleAfterMs)
      .slice(-MAX_ERAS)
  }

  /** Whether it lies in the present time of being connected. */
  isPresent(mark: Mark): boolean {
    return this.#lasts && mark >= this.#begin
  }

  freshness(covered: Mark): Freshness {
    if (this.isPresent(covered)) return 'live'
    for (let i = this.#eras.length - 1; i >= 0; i--) {
      const era = this.#eras[i]
      if (!era || era.begin > covered || era.endedAt === null) continue
      return this.#clock.steady() - era.endedAt < this.#staleAfterMs ? 'stale' : 'unknown'
    }
    return 'unknown'
  }
}
