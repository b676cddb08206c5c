import type { Clock, Timer } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'

// The server has taken over the roster that it was given by then, and most clients have sent their presence.
const SETTLED_MS = 500
// Less than a millisecond's worth: when everybody comes back after a restart there are tens of thousands.
const LOOKED_AT_ONCE = 1000

export interface RosterLoginParts {
  readonly clock: Clock
  readonly isOnline: (user: BareJid) => boolean
  readonly probe: (user: BareJid) => void
}

/**
 * mod_http_roster_admin fetches a roster while its user's presence goes on: a client that sends both at once is shown to
 * nobody, for she has no contacts yet. So whoever was given a roster and is not seen soon after is probed.
 */
export class RosterLogins {
  readonly #parts: RosterLoginParts
  /** Bounded by the users there are. */
  #given = new Set<BareJid>()
  /** Before the present half second. */
  #settled = new Set<BareJid>()
  #timer: Timer | null = null
  #stopped = false

  constructor(parts: RosterLoginParts) {
    this.#parts = parts
  }

  given(user: BareJid): void {
    if (this.#stopped) return
    this.#given.add(user)
    this.#timer ??= this.#parts.clock.after(SETTLED_MS, () => this.#look())
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #look(users: Iterator<BareJid> = this.#settled.values()): void {
    const { clock, isOnline, probe } = this.#parts
    for (let left = LOOKED_AT_ONCE; left > 0; left--) {
      const { done, value: user } = users.next()
      if (done) return this.#goOn()
      if (!isOnline(user)) probe(user)
    }
    this.#timer = clock.after(0, () => this.#look(users))
  }

  #goOn(): void {
    this.#settled = this.#given
    this.#given = new Set()
    this.#timer = this.#settled.size > 0 ? this.#parts.clock.after(SETTLED_MS, () => this.#look()) : null
  }
}
