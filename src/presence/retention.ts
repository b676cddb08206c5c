import type { KeptBatch } from './presence-store.js'

export interface RetentionLimits {
  /** How long a change is kept. */
  readonly ms: number
  /** So many changes at most; the oldest go first, earlier than that. */
  readonly rows: number
}

// So many batches in a second need not be told apart.
const SPAN_MS = 1000

/** Of batches between two moments: up to which number, and how many presences in all of them. */
interface Span {
  readonly since: number
  until: number
  upTo: number
  size: number
}

/** Up to where the log of changes may be pruned. Remembers a second's batches as one, so at most one entry a second kept. */
export class Retention {
  readonly #limits: RetentionLimits
  /** The oldest first. */
  #spans: Span[] = []
  #size = 0

  constructor(limits: RetentionLimits) {
    this.#limits = limits
  }

  note({ number, at, size }: KeptBatch): void {
    const last = this.#spans.at(-1)
    this.#size += size
    if (last && at >= last.since && at - last.since < Math.min(SPAN_MS, this.#limits.ms / 4)) {
      last.until = at
      last.upTo = number
      last.size += size
    } else this.#spans.push({ since: at, until: at, upTo: number, size })
  }

  /** The number of the newest batch that is not kept any longer; forgets those up to it. null: all are. */
  expired(now: number): number | null {
    let count = 0
    for (const { until, size } of this.#spans) {
      if (until >= now - this.#limits.ms && this.#size <= this.#limits.rows) break
      this.#size -= size
      count++
    }
    const upTo = this.#spans[count - 1]?.upTo ?? null
    this.#spans = count > 0 ? this.#spans.slice(count) : this.#spans
    return upTo
  }
}
