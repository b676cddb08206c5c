import type { Timer } from '../presence/clock.js'

// Those that answer at once; those that do not, or fail; and those that were among the former and turn out to take long.
const QUICK = 200
const SLOW = 50
const OVERDUE = 500
/** Whoever takes longer is slow. */
export const QUICK_MS = 1000

/**
 * So many calls at once. Slow ones have places of their own, so that they keep only one another waiting. In line is each app once at
 * most.
 */
export class Lanes {
  readonly #quick = new Lane(QUICK)
  readonly #slow = new Lane(SLOW)
  #overdue = 0
  readonly #after: (ms: number, run: () => void) => Timer

  constructor(after: (ms: number, run: () => void) => Timer) {
    this.#after = after
  }

  /** Resolves once it may begin, with what is to be called when it is over. */
  async enter(isQuick: boolean): Promise<() => void> {
    if (!isQuick) {
      await this.#slow.enter()
      return () => this.#slow.leave()
    }
    await this.#quick.enter()
    let leave = () => this.#quick.leave()
    const timer = this.#after(QUICK_MS, () => {
      if (this.#overdue === OVERDUE) return
      this.#overdue++
      this.#quick.leave()
      leave = () => {
        this.#overdue--
      }
    })
    return () => {
      timer.cancel()
      leave()
    }
  }
}

class Lane {
  #free: number
  readonly #line = new Set<() => void>()

  constructor(places: number) {
    this.#free = places
  }

  enter(): Promise<void> | void {
    if (this.#free > 0) {
      this.#free--
      return
    }
    return new Promise((resolve) => {
      this.#line.add(resolve)
    })
  }

  leave(): void {
    const [next] = this.#line
    if (!next) {
      this.#free++
      return
    }
    this.#line.delete(next)
    next()
  }
}
