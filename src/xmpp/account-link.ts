import type { Clock } from '../presence/clock.js'
import type { RosterLink } from './account-roster.js'
import { AccountStream } from './account-stream.js'
import { GuardedLink, type LinkObserver, type Randomness } from './guarded-link.js'
import type { StreamHandler } from './guarded-stream.js'
import { isLoopback } from './is-loopback.js'
import type { XmlStreamBounds } from './xml-stream-reader.js'

export interface AccountLinkOptions {
  /** `xmpp://host:port`, where the account's server takes clients. */
  readonly service: string
  /** The account, as its server spells it: `local@domain`. */
  readonly jid: string
  readonly password: string
  readonly bounds: XmlStreamBounds
}

// Some 50,000 contacts. A roster comes in one piece, and its length is nobody's choice but the account's own.
const ROSTER_BYTES = 8 * 1024 * 1024

/** The link of a plain account, as a client's. */
export class AccountLink extends GuardedLink implements RosterLink {
  readonly #state: { secured: boolean; rosterAwaited: boolean }

  constructor(options: AccountLinkOptions, clock: Clock, random: Randomness, observer: LinkObserver) {
    const { service, jid, password } = options
    const at = jid.lastIndexOf('@')
    const domain = jid.slice(at + 1)
    const state = { secured: false, rosterAwaited: false }
    const bounds = {
      depth: options.bounds.depth,
      get elementBytes() {
        return state.rosterAwaited ? ROSTER_BYTES : options.bounds.elementBytes
      },
      get fatalBytes() {
        return state.rosterAwaited ? ROSTER_BYTES : options.bounds.fatalBytes
      },
    }
    const place = { service, domain, username: jid.slice(0, at), password, loopback: isLoopback(service), bounds }
    const stream = (handler: StreamHandler) => {
      Object.assign(state, { secured: false, rosterAwaited: false })
      const secured = () => {
        state.secured = true
      }
      return new AccountStream(place, random.id(), clock, { ...handler, secured })
    }
    super({ address: jid, pinged: domain, stream }, clock, random, observer)
    this.#state = state
  }

  /** Whether TLS protects it. */
  get secured(): boolean {
    return this.#state.secured
  }

  awaitRoster(awaited: boolean): void {
    this.#state.rosterAwaited = awaited
  }
}
