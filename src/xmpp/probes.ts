import type { Domains } from '../presence/domains.js'
import type { Mark } from '../presence/eras.js'
import type { BareJid } from '../presence/jid.js'
import { fence } from './fence.js'
import type { PingParts } from './ping-unheard.js'
import { presence } from './stanzas.js'
import type { SubscriptionSource } from './subscription-source.js'
import type { Uptime } from './uptime.js'

export interface ProbeParts extends PingParts {
  readonly subscriptions: SubscriptionSource
}

/** What it takes of them. */
export interface Probed extends Pick<PingParts, 'link' | 'board'> {
  readonly domains: Pick<Domains, 'address'>
  readonly subscriptions: Pick<SubscriptionSource, 'has'>
}

// RFC 6121 §4.3.2 lets a server answer a probe with silence.
export const WINDOW_MS = 10_000
const AT_ONCE = 100
const PAUSE_MS = 100

/** Asks a server for users who granted, in batches; a batch is proven when the server has had its time to answer. */
export class Probes {
  readonly #parts: Probed
  readonly #uptime: Uptime
  readonly #fencedBy: string | null
  readonly #waiting = new Set<BareJid>()
  #sending = false

  /** `fencedBy`: the host whose answer ends the answers to the probes before it; null: only time does. */
  constructor(parts: Probed, uptime: Uptime, fencedBy: string | null) {
    this.#parts = parts
    this.#uptime = uptime
    this.#fencedBy = fencedBy
  }

  /** Whoever waits already is probed once. */
  add(users: Iterable<BareJid>): void {
    for (const user of users) this.#waiting.add(user)
    if (!this.#sending) void this.#send()
  }

  /** Nobody who waits need be probed. */
  clear(): void {
    this.#waiting.clear()
  }

  async #send(): Promise<void> {
    const { link, board, domains } = this.#parts
    this.#sending = true
    while (this.#waiting.size > 0) {
      const since = board.mark()
      const batch = [...take(this.#waiting, AT_ONCE)]
      for (const user of batch) {
        this.#waiting.delete(user)
        link.send(presence(domains.address(user), 'probe'))
      }
      if (this.#fencedBy === null) this.#uptime.after(WINDOW_MS, () => this.#settle(batch, since))
      else if ((await fence(link, this.#fencedBy)) === 'passed') this.#settle(batch, since)
      else for (const user of batch) this.#waiting.add(user)
      await link.drained()
      await this.#uptime.pause(PAUSE_MS)
      if (!this.#uptime.lasts) return
    }
    this.#sending = false
  }

  #settle(batch: readonly BareJid[], since: Mark): void {
    const { board, subscriptions } = this.#parts
    for (const user of batch) if (subscriptions.has(user)) board.settle(user, since)
  }
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
