import { type Eras, type Mark, NEVER } from './eras.js'
import type { BareJid } from './jid.js'
import type { Freshness } from './presence.js'
import type { User } from './user.js'

/** The users of one domain, and how fresh what is known of them is. */
export class DomainUsers {
  readonly name: string
  /** How the JIDs of its users end. */
  readonly suffix: string
  readonly users = new Map<BareJid, User>()
  readonly eras: Eras
  /** All of them at once, by a proof for the whole domain. */
  covered: Mark = NEVER
  /** Such a proof is on its way: until it is there nobody is live. */
  proofDue = false
  /** Who was not listened to until a mark: no proof that began before it speaks of her. Until something is heard of her. */
  readonly unproven = new Map<BareJid, Mark>()

  constructor(name: string, eras: Eras) {
    this.name = name
    this.suffix = `@${name}`
    this.eras = eras
  }

  freshnessOf(user: User): Freshness {
    if (this.unproven.size > 0 && this.unproven.has(user.jid)) return 'unknown'
    const freshness = this.eras.freshness(Math.max(user.covered, this.covered))
    return freshness === 'live' && this.proofDue && !this.eras.isPresent(this.covered) ? 'stale' : freshness
  }

  /** Adds them to `counts`; reads every user unless all of them are covered at once. */
  countFreshness(counts: Record<Freshness, number>): void {
    if (this.eras.isPresent(this.covered) && this.unproven.size === 0) counts.live += this.users.size
    else for (const user of this.users.values()) counts[this.freshnessOf(user)]++
  }
}
