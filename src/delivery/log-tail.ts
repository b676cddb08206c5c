import type { AppendedPresences } from '../presence/presence-writer.js'
import type { ChangeLog, LogBatch } from './change-log.js'

// So many presences of the newest batches are at hand without reading the log: for who was away for a moment.
const RECENT_PRESENCES = 20_000
// Some milliseconds' worth.
const READ_AT_ONCE = 2000
// Read before anybody else has a turn.
const LITTLE = 200
const RETRY_MS = 500

export interface LogTailParts {
  readonly log: ChangeLog
  /** Calls back later. */
  readonly after: (ms: number, run: () => void) => { cancel(): void }
  readonly failed: (error: unknown) => void
}

/**
 * Gives every batch of the log to whoever listens, in order and each once, as soon as it is appended. What was appended
 * elsewhere than here is read.
 */
export class LogTail {
  readonly #parts: LogTailParts
  readonly #listeners = new Set<(batch: LogBatch) => void>()
  readonly #lost = new Set<() => void>()
  #recent: LogBatch[] = []
  #recentPresences = 0
  #seen = 0
  #reading: Promise<void> | null = null
  #grew = false
  #retry: { cancel(): void } | null = null
  #stopped = false

  constructor(parts: LogTailParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    this.#seen = await this.#parts.log.head()
  }

  stop(): void {
    this.#stopped = true
    this.#retry?.cancel()
  }

  /** The number of the last batch that was given out. */
  get seen(): number {
    return this.#seen
  }

  /** Must not throw. */
  onBatch(listener: (batch: LogBatch) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The log went on, and what came in between is not to be had: nobody knows what readers have missed. Must not throw. */
  onLost(listener: () => void): () => void {
    this.#lost.add(listener)
    return () => this.#lost.delete(listener)
  }

  /** Something was appended here. */
  appended({ number, at, presences }: AppendedPresences): void {
    if (this.#reading === null && number === this.#seen + 1) this.#give({ number, at, presences, grants: [] })
    else this.grew()
  }

  /** Something was appended. */
  grew(): void {
    this.#grew = true
    if (this.#stopped || this.#retry) return
    this.#reading ??= this.#read()
  }

  /** Once all that had been appended before this call was given out. */
  async caughtUp(): Promise<void> {
    while (this.#reading) await this.#reading
  }

  /** As the log's `after`. */
  async after(number: number): Promise<readonly LogBatch[] | null> {
    const first = this.#recent[0]
    if (number === this.#seen) return []
    if (!first || number + 1 < first.number) return this.#readAfter(number)
    return this.#recentAfter(number + 1 - first.number)
  }

  #recentAfter(index: number): readonly LogBatch[] {
    let end = index
    for (let count = 0; count <= READ_AT_ONCE && end < this.#recent.length; end++) {
      count += this.#recent[end]?.presences.length ?? 0
    }
    return this.#recent.slice(index, end)
  }

  async #readAfter(number: number): Promise<readonly LogBatch[] | null> {
    const batches = await this.#parts.log.after(number, READ_AT_ONCE)
    const effort = batches?.reduce((sum, { presences }) => sum + presences.length, 10 * batches.length) ?? 0
    if (effort > LITTLE) await new Promise<void>((resolve) => setImmediate(resolve))
    return batches
  }

  async #read(): Promise<void> {
    try {
      while (this.#grew && !this.#stopped) {
        this.#grew = false
        const batches = await this.#readAfter(this.#seen)
        if (batches === null) {
          this.#seen = await this.#parts.log.head()
          this.#recent = []
          this.#recentPresences = 0
          for (const listener of this.#lost) listener()
          continue
        }
        for (const batch of batches) this.#give(batch)
        if (batches.length > 0) this.#grew = true
      }
    } catch (error) {
      this.#parts.failed(error)
      this.#retry = this.#parts.after(RETRY_MS, () => {
        this.#retry = null
        this.grew()
      })
    } finally {
      // Here, and not once this is over: whoever calls in between would not be heard.
      this.#reading = null
    }
  }

  #give(batch: LogBatch): void {
    // The numbers of those at hand are without a gap.
    if (batch.number !== this.#seen + 1) {
      this.#recent = []
      this.#recentPresences = 0
    }
    this.#seen = batch.number
    this.#recent.push(batch)
    this.#recentPresences += batch.presences.length + 1
    if (this.#recentPresences > 2 * RECENT_PRESENCES) this.#forgetOldest()
    for (const listener of this.#listeners) listener(batch)
  }

  #forgetOldest(): void {
    let count = 0
    while (this.#recentPresences > RECENT_PRESENCES && count < this.#recent.length) {
      this.#recentPresences -= (this.#recent[count]?.presences.length ?? 0) + 1
      count++
    }
    this.#recent = this.#recent.slice(count)
  }
}
