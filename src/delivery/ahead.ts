import type { Told } from './update.js'

// Of all apps together: some 30 MB.
const MOST_IN_ALL = 200_000

/** How much may be read ahead of what is sent, beyond the least that each has. */
export class AheadBudget {
  #left = MOST_IN_ALL

  take(wanted: number): number {
    const got = Math.min(wanted, this.#left)
    this.#left -= got
    return got
  }

  giveBack(taken: number): void {
    this.#left += taken
  }
}

/** What was read for one app and is not sent yet, in order. */
export class Ahead {
  readonly #least: number
  readonly #budget: AheadBudget
  #taken = 0
  #told: Told[] = []

  constructor(least: number, budget: AheadBudget) {
    this.#least = least
    this.#budget = budget
  }

  get told(): readonly Told[] {
    return this.#told
  }

  /** false: not all of it had room; the first of it has. */
  add(told: readonly Told[]): boolean {
    const more = this.#told.length + told.length - this.#least - this.#taken
    if (more > 0) this.#taken += this.#budget.take(more)
    const room = this.#least + this.#taken - this.#told.length
    for (const { update, position } of room < told.length ? told.slice(0, room) : told) {
      // A cursor is cut out of those of many apps, which it would keep.
      this.#told.push({ update, position, cursor: '' })
    }
    return room >= told.length
  }

  /** The first of it is sent. */
  drop(count: number): void {
    this.#told.splice(0, count)
    if (this.#told.length === 0) this.clear()
  }

  clear(): void {
    this.#told = []
    this.#budget.giveBack(this.#taken)
    this.#taken = 0
  }
}
