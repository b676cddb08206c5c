import type { Clock, Timer } from '../../src/presence/clock.js'

interface Waiting {
  readonly at: number
  readonly run: () => void
}

/** Time that passes only when a test says so. */
export class FakeClock implements Clock {
  #now: number
  readonly #waiting = new Set<Waiting>()

  constructor(now = Date.parse('2026-03-01T12:00:00.000Z')) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  steady(): number {
    return this.#now
  }

  after(ms: number, run: () => void): Timer {
    const waiting = { at: this.#now + ms, run }
    this.#waiting.add(waiting)
    return { cancel: () => void this.#waiting.delete(waiting) }
  }

  /** Timers that have neither run nor been cancelled. */
  get timers(): number {
    return this.#waiting.size
  }

  /** Lets time pass; timers run in the order in which they are due, also those that others set meanwhile. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (let due = this.#due(end); due; due = this.#due(end)) {
      this.#waiting.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.run()
    }
    this.#now = end
  }

  /** The same, and between any two timers whatever they set going has its turn. */
  async passing(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    for (let due = this.#due(end); due; due = this.#due(end)) {
      this.#waiting.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.run()
      await turn()
    }
    this.#now = end
    await turn()
  }

  #due(end: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const waiting of this.#waiting) if (waiting.at <= end && (!first || waiting.at < first.at)) first = waiting
    return first
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
