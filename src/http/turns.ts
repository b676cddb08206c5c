/**
 * Work that could keep everybody waiting is done in pieces of a few ms, one in each turn of the event loop, first come
 * first served: whoever asks for little is answered in between.
 */
export class Turns {
  // Bounded by whoever waits here: each connection does so once at most.
  readonly #waiting: (() => void)[] = []

  /** `piece` must not throw. */
  take(piece: () => void): void {
    this.#waiting.push(piece)
    if (this.#waiting.length === 1) setImmediate(this.#run)
  }

  /** Resolves when it is the caller's turn. */
  next(): Promise<void> {
    return new Promise((resolve) => this.take(resolve))
  }

  readonly #run = (): void => {
    this.#waiting[0]?.()
    this.#waiting.shift()
    if (this.#waiting.length > 0) setImmediate(this.#run)
  }
}
