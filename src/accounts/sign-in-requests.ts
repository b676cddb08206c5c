import { createHmac } from 'node:crypto'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { parseUserInput } from '../presence/jid.js'
import type { SignIn } from './sign-in.js'

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
// However many ask, so many are counted; two that meet in one place share it. Who does cannot be chosen, for the key is secret.
const PLACES = 65_536

/** Where pages and API begin a sign-in: what is counted, and who is refused, for both alike. Forgotten at a restart. */
export class SignInRequests {
  readonly #signIn: SignIn
  readonly #isOnline: () => boolean
  readonly #key: Buffer
  // A message may be tried five codes on. By the day, because of a million codes one must not come up some day.
  readonly #ofUser = [limiter(5, TEN_MINUTES), limiter(30, DAY)]
  readonly #ofNetwork = [limiter(20, TEN_MINUTES), limiter(200, DAY)]

  /** `isOnline`: whether messages go out at all just now. */
  constructor(signIn: SignIn, isOnline: () => boolean, random: (bytes: number) => Buffer) {
    this.#signIn = signIn
    this.#isOnline = isOnline
    this.#key = random(32)
  }

  /** `jid` as somebody typed it; `address` as `Visitors` has it. */
  async begin(jid: string, address: string): Promise<SignInRequest> {
    const parsed = parseUserInput(jid.trim())
    if (parsed.fault !== undefined) return { kind: 'malformed' }
    if (!this.#isOnline()) return { kind: 'link-down' }
    const user = parsed.jid
    // The address first: whoever is refused for it uses up nobody else's.
    const retryAfterMs =
      (await overLimit(this.#ofNetwork, this.#place(networkOf(address)))) ??
      (await overLimit(this.#ofUser, this.#place(user))) ??
      this.#signIn.fullFor(user)
    if (retryAfterMs !== null) return { kind: 'limited', retryAfterMs }
    return { kind: 'begun', ...this.#signIn.begin(user, address) }
  }

  #place(of: string): number {
    return createHmac('sha256', this.#key).update(of).digest().readUInt32BE() % PLACES
  }
}

function limiter(points: number, duration: number): RateLimiterMemory {
  return new RateLimiterMemory({ points, duration })
}

/** The ms until it is tried best again; null: none is reached. */
async function overLimit(limiters: readonly RateLimiterMemory[], key: number): Promise<number | null> {
  for (const limit of limiters) {
    try {
      await limit.consume(key)
    } catch (refused) {
      return (refused as RateLimiterRes).msBeforeNext
    }
  }
  return null
}

/** Whom one address stands for: of IPv6 a /64, for whoever has one has all of it. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')
}
