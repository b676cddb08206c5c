import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { type BareJid, parseUserInput } from '../presence/jid.js'
import { networkOf, siteOf } from './network.js'
import type { SignIn } from './sign-in.js'
import { Slots } from './slots.js'

export type SignInRequest =
  /** As `SignIn.begin` has it: whether or not there is such a user, and whether or not she can be reached. */
  | { readonly kind: 'begun'; readonly id: string; readonly phrase: string; readonly secret: string }
  /** No JID, or one that servers do not agree upon. */
  | { readonly kind: 'malformed' }
  /** Nobody can be sent anything. */
  | { readonly kind: 'link-down' }
  /** Too often for this JID, from this address, or for all. */
  | { readonly kind: 'limited'; readonly retryAfterMs: number }

const TEN_MINUTES = 600
const DAY = 86_400

/** Where pages and API begin a sign-in: what is counted, and who is refused, for both alike. Forgotten at a restart. */
export class SignInRequests {
  readonly #signIn: SignIn
  readonly #isOnline: () => boolean
  readonly #slots: Slots
  // Of IPv6 both who has a /64 and who has a /48 of them.
  readonly #fromNetwork = [limiter(20, TEN_MINUTES), limiter(200, DAY)]
  readonly #fromSite = [limiter(100, TEN_MINUTES)]
  readonly #toUser = [limiter(5, TEN_MINUTES)]
  // By the day for each site alone: nobody can use up what a user has elsewhere. What all of them may guess, `WrongCodes` counts.
  readonly #toUserFromSite = [limiter(30, DAY)]

  /** `isOnline`: whether messages go out at all just now. */
  constructor(signIn: SignIn, isOnline: () => boolean, random: (bytes: number) => Buffer) {
    this.#signIn = signIn
    this.#isOnline = isOnline
    this.#slots = new Slots(random)
  }

  /** `jid` as somebody typed it; `address` as `Visitors` has it. */
  async begin(jid: string, address: string): Promise<SignInRequest> {
    const parsed = parseUserInput(jid.trim())
    if (parsed.fault !== undefined) return { kind: 'malformed' }
    if (!this.#isOnline()) return { kind: 'link-down' }
    const user = parsed.jid
    const retryAfterMs = (await this.#overLimit(user, address)) ?? this.#signIn.fullFor(user)
    if (retryAfterMs !== null) return { kind: 'limited', retryAfterMs }
    return { kind: 'begun', ...this.#signIn.begin(user, address) }
  }

  /** The ms until it is tried best again; null: no limit is reached. Whoever is refused uses up nobody's share. */
  async #overLimit(user: BareJid, address: string): Promise<number | null> {
    const site = siteOf(address)
    const counted = [
      [this.#fromNetwork, networkOf(address)],
      [address.includes(':') ? this.#fromSite : [], site],
      [this.#toUser, user],
      [this.#toUserFromSite, `${user} ${site}`],
    ] as const
    const counts = counted.flatMap(([limits, whom]) => limits.map((limit) => ({ limit, slot: this.#slots.of(whom) })))
    for (const { limit, slot } of counts) {
      const count = await limit.get(slot)
      if (count && count.msBeforeNext > 0 && count.consumedPoints >= limit.points) return count.msBeforeNext
    }
    try {
      // Others may have come meanwhile.
      for (const { limit, slot } of counts) await limit.consume(slot)
      return null
    } catch (refused) {
      return (refused as RateLimiterRes).msBeforeNext
    }
  }
}

function limiter(points: number, duration: number): RateLimiterMemory {
  return new RateLimiterMemory({ points, duration })
}
