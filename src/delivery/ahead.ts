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
  /** So many of the first are there no more. */
  #dropped = 0

  constructor(least: number, budget: AheadBudget) {
    this.#least = least
    this.#budget = budget
  }

  get count(): number {
    return this.#told.length - this.#dropped
  }

  /** At most so many of the first. */
  first(count: number): readonly Told[] {
    return this.#told.slice(this.#dropped, this.#dropped + count)
  }

  /** Those that are in memory, sent ones among them. */
  get held(): number {
    return this.#told.length
  }

  get last(): Told | undefined {
    return this.#told[this.#told.length - 1]
  }

  /** false: not all of it had room; the first of it has. */
  add(told: readonly Told[]): boolean {
    const more = this.count + told.length - this.#least - this.#taken
    if (more > 0) this.#taken += this.#budget.take(more)
    const room = this.#least + this.#taken - this.count
    for (const { update, position } of room < told.length ? told.slice(0, room) : told) {
      // A cursor is cut out of those of many apps, which it would keep.
      this.#told.push({ update, position, cursor: '' })
    }
    return room >= told.length
  }

  /** The first of it is sent. */
  drop(count: number): void {
    this.#dropped += count
    if (this.count === 0) this.clear()
    // To take them out moves all the others, so it is not done for each call; nor are more kept than there are others.
    else if (this.#dropped >= this.count) {
      this.#told = this.#told.slice(this.#dropped)
      this.#dropped = 0
    }
  }

  clear(): void {
    this.#told = []
    this.#dropped = 0
    this.#budget.giveBack(this.#taken)
    this.#taken = 0
  }
}
