import type { Timer } from '../presence/clock.js'
import type { WebhookChange, WebhookStore } from './webhook-store.js'

const RETRY_MS = 1000

/** Stores what many apps have to store at the same time at once. Of each app one change waits at most. */
export class WebhookWriter {
  readonly #store: Pick<WebhookStore, 'save'>
  readonly #after: (ms: number, run: () => void) => Timer
  #waiting: { readonly change: () => WebhookChange; readonly done: (isStored: boolean) => void }[] = []
  #isDue = false
  #retry: Timer | null = null
  #stopped = false

  constructor(store: Pick<WebhookStore, 'save'>, after: (ms: number, run: () => void) => Timer) {
    this.#store = store
    this.#after = after
  }

  /** `change` is asked when it is written. Whether it was stored: until it can be, it is tried again. false: it was stopped. */
  save(change: () => WebhookChange): Promise<boolean> {
    return new Promise((done) => {
      this.#waiting.push({ change, done })
      if (!this.#retry) this.#soon()
    })
  }

  /** What cannot be stored now is not stored. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#retry?.cancel()
    this.#retry = null
    await this.#write()
  }

  #soon(): void {
    if (this.#isDue) return
    this.#isDue = true
    // Once all that came from the network in this turn was looked at.
    setImmediate(() => {
      this.#isDue = false
      this.#write()
    })
  }

  async #write(): Promise<void> {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    try {
      await this.#store.save(waiting.map(({ change }) => change()))
    } catch {
      // Whoever stores says why.
      if (!this.#stopped) {
        this.#waiting.unshift(...waiting)
        this.#retry ??= this.#after(RETRY_MS, () => {
          this.#retry = null
          this.#write()
        })
        return
      }
      for (const { done } of waiting) done(false)
      return
    }
    for (const { done } of waiting) done(true)
  }
}
