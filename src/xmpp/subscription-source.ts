import type { Clock } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import type { BareJid } from '../presence/jid.js'
import type { Subscriptions } from '../presence/subscriptions.js'
import type { Link } from './link.js'
import { type PresenceType, presence } from './stanzas.js'

export type SubscriptionRequest = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'

export interface SubscriptionSourceHandler {
  /** Her presence may be taken in from now on. */
  granted(user: BareJid): void
  /** Nothing of her may be kept that came by this source. */
  withdrawn(user: BareJid): void
  /** The store failed; what she said holds in memory and is stored when the store works again. */
  unsaved(error: unknown): void
}

// So that a hundred thousand of them do not hold up everything else.
const SAID_AT_ONCE = 100
const PAUSE_MS = 10

/** Users who let the component see them as they would a contact (RFC 6121 §3). */
export class SubscriptionSource {
  readonly #link: Link
  readonly #clock: Clock
  readonly #domains: Domains
  readonly #subscriptions: Subscriptions
  readonly #handler: SubscriptionSourceHandler
  readonly #active: boolean

  /** `active`: whether the configuration names this source; if not, nobody is seen by it, nor asked. */
  constructor(
    link: Link,
    clock: Clock,
    domains: Domains,
    subscriptions: Subscriptions,
    handler: SubscriptionSourceHandler,
    active: boolean,
  ) {
    this.#link = link
    this.#clock = clock
    this.#domains = domains
    this.#subscriptions = subscriptions
    this.#handler = handler
    this.#active = active
  }

  has(user: BareJid): boolean {
    return this.#active && this.#subscriptions.hasGranted(user)
  }

  /** Asks her to be seen. Resolves once the asking is stored. Asking again is harmless: servers keep one request. */
  async ask(user: BareJid): Promise<'asked' | 'granted'> {
    if (this.#subscriptions.hasGranted(user)) return 'granted'
    await this.#subscriptions.set(user, { consent: 'asked' })
    this.#say(user, 'subscribe')
    return 'asked'
  }

  /** Whether she declined, or took her consent back. */
  isRefusedBy(user: BareJid): boolean {
    return this.#subscriptions.hasRefused(user)
  }

  /** What a user of a served domain says about subscriptions. */
  said(user: BareJid, request: SubscriptionRequest): void {
    const before = this.#subscriptions.of(user)
    switch (request) {
      case 'subscribed':
        this.#set(user, { consent: 'granted' })
        if (before?.consent !== 'granted') this.#handler.granted(user)
        return
      case 'unsubscribed':
        this.#set(user, { consent: 'refused' })
        if (before?.consent === 'granted') this.#handler.withdrawn(user)
        return
      case 'subscribe':
        // She adds us as a contact: she sees the component, and is asked in return unless she has granted already.
        this.#say(user, 'subscribed')
        this.#say(user)
        this.#set(user, { watchesUs: true, consent: before?.consent === 'granted' ? 'granted' : 'asked' })
        if (before?.consent !== 'granted') this.#say(user, 'subscribe')
        return
      case 'unsubscribe':
        this.#say(user, 'unsubscribed')
        if (before) this.#set(user, { watchesUs: false })
        return
    }
  }

  /** Her client or server asks whether we are there. */
  probed(user: BareJid): void {
    this.#say(user)
  }

  /** Says to those who see us that we are there, or go; and asks again whoever has not answered. */
  async announce(type?: 'unavailable'): Promise<void> {
    if (!this.#active) return
    let said = 0
    for (const [user, { watchesUs, consent }] of this.#subscriptions.all()) {
      if (!this.#link.online) return
      if (watchesUs) this.#say(user, type)
      // Asked while the link was down, or by a gateway that ended before it could.
      if (consent === 'asked' && type === undefined) this.#say(user, 'subscribe')
      if (++said % SAID_AT_ONCE > 0) continue
      await this.#link.drained()
      await new Promise<void>((resolve) => this.#clock.after(PAUSE_MS, resolve))
    }
  }

  /** Everybody of the domain who granted. */
  *grantedIn(domain: string): Generator<BareJid> {
    if (!this.#active) return
    for (const [user, { consent }] of this.#subscriptions.all()) {
      if (consent === 'granted' && user.endsWith(`@${domain}`)) yield user
    }
  }

  #say(user: BareJid, type?: PresenceType): void {
    this.#link.send(presence(this.#domains.address(user), type))
  }

  #set(user: BareJid, change: Parameters<Subscriptions['set']>[1]): void {
    this.#subscriptions.set(user, change).catch((error: unknown) => this.#handler.unsaved(error))
  }
}
