const BEAT_MS = 20
// Less is what any timer is late by.
const USUAL_MS = 5
const KEPT = 2000

/**
 * How long this machine kept us waiting. A process that is not given the processor answers late and is not to blame for it;
 * ours stands beside it and is kept waiting alike.
 */
export class StallMeter {
  readonly #stalls: { from: number; ms: number }[] = []
  #expected = performance.now() + BEAT_MS
  readonly #timer = setInterval(() => this.#beat(), BEAT_MS)

  /** Milliseconds in which we did not run, of those since `from`; by performance.now(). */
  since(from: number): number {
    let ms = Math.max(0, performance.now() - this.#expected - USUAL_MS)
    for (let i = this.#stalls.length - 1; i >= 0; i--) {
      const stall = this.#stalls[i]
      if (!stall || stall.from + stall.ms < from) break
      ms += stall.ms
    }
    return ms
  }

  get worst(): number {
    return Math.max(0, ...this.#stalls.map(({ ms }) => ms))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const now = performance.now()
    const late = now - this.#expected
    if (late > USUAL_MS) {
      this.#stalls.push({ from: this.#expected, ms: late })
      if (this.#stalls.length > KEPT) this.#stalls.shift()
    }
    this.#expected = now + BEAT_MS
  }
}
