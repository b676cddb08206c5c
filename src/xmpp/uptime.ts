import type { Clock, Timer } from '../presence/clock.js'

/** The time for which a link is up. What is begun in it ends with it: timers by themselves, whoever awaited by asking `lasts`. */
export class Uptime {
  readonly #clock: Clock
  readonly #timers = new Set<Timer>()
  #lasts = true

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be asked after whatever was waited for. */
  get lasts(): boolean {
    return this.#lasts
  }

  end(): void {
    this.#lasts = false
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  /** Never, once it has ended. */
  after(ms: number, run: () => void): void {
    if (!this.#lasts) return
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }

  every(ms: number, run: () => void): void {
    this.after(ms, () => {
      run()
      this.every(ms, run)
    })
  }

  /** Resolves then even if it has ended, so that whoever waits can end as well. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve))
  }
}
