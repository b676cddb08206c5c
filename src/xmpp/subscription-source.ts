import type { Clock } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import type { BareJid } from '../presence/jid.js'
import type { ConsentSource, Subscription, Subscriptions } from '../presence/subscriptions.js'
import type { ComponentCard } from './component-card.js'
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

/** Users who see the component, and are seen by it, as a contact (RFC 6121 §3): they let it, or their rosters have it. */
export class SubscriptionSource {
  readonly #link: Link
  readonly #card: ComponentCard
  readonly #clock: Clock
  readonly #domains: Domains
  readonly #subscriptions: Subscriptions
  readonly #handler: SubscriptionSourceHandler
  readonly #sources: ReadonlySet<string>
  readonly #refuses: (user: BareJid) => boolean

  /**
   * `sources`: those that the configuration names; nobody is seen by another, nor asked. `refuses`: of whom nothing may be
   * kept.
   */
  constructor(
    link: Link,
    card: ComponentCard,
    clock: Clock,
    domains: Domains,
    subscriptions: Subscriptions,
    handler: SubscriptionSourceHandler,
    sources: ReadonlySet<string>,
    refuses: (user: BareJid) => boolean = () => false,
  ) {
    this.#link = link
    this.#card = card
    this.#clock = clock
    this.#domains = domains
    this.#subscriptions = subscriptions
    this.#handler = handler
    this.#sources = sources
    this.#refuses = refuses
  }

  has(user: BareJid): boolean {
    return this.#counts(this.#subscriptions.of(user))
  }

  /** Asks her to be seen. Resolves once the asking is stored. Asking again is harmless: servers keep one request. */
  async ask(user: BareJid): Promise<'asked' | 'granted'> {
    if (this.has(user)) return 'granted'
    await this.#subscriptions.set(user, { consent: 'asked', by: 'subscription' })
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
    if (!before && this.#refuses(user)) return this.#decline(user, request)
    switch (request) {
      case 'subscribed':
        this.#set(user, { consent: 'granted', by: 'subscription' })
        if (!this.#counts(before)) this.#handler.granted(user)
        return
      case 'unsubscribed':
        this.#set(user, { consent: 'refused' })
        if (before?.consent === 'granted') this.#handler.withdrawn(user)
        return
      case 'subscribe':
        // She adds us as a contact: she sees the component, and is asked in return unless she has granted already.
        this.#say(user, 'subscribed')
        this.#say(user)
        if (this.#counts(before)) return this.#set(user, { watchesUs: true })
        this.#set(user, { watchesUs: true, consent: 'asked', by: 'subscription' })
        this.#say(user, 'subscribe')
        return
      case 'unsubscribe':
        this.#say(user, 'unsubscribed')
        if (before) this.#set(user, { watchesUs: false })
        return
    }
  }

  /** Nothing is kept of her any more. Her server is told where she let us see her herself, so that it stops. */
  forget(user: BareJid): void {
    const before = this.#subscriptions.of(user)
    this.#subscriptions.forget(user)
    if (before?.by !== 'subscription') return
    if (before.consent !== 'refused') this.#say(user, 'unsubscribe')
    if (before.watchesUs) this.#say(user, 'unsubscribed')
  }

  /**
   * Her roster has the component, on both sides: she was served it, or it was written. Nothing, where that is known; she who
   * took it out is seen again only when this is said again.
   */
  rostered(user: BareJid): void {
    if (!this.#sources.has('roster')) return
    const before = this.#subscriptions.of(user)
    if (!before && this.#refuses(user)) return
    const counted = this.#counts(before)
    if (counted && before?.watchesUs) return
    this.#set(user, counted ? { watchesUs: true } : { consent: 'granted', by: 'roster', watchesUs: true })
    // To whoever is online already; her server asks for it itself when she comes.
    if (!before?.watchesUs) this.#say(user)
    if (!counted) this.#handler.granted(user)
  }

  /** Her client or server asks whether we are there. */
  probed(user: BareJid): void {
    this.#say(user)
  }

  /** Says to those who see us that we are there, or go; and asks again whoever has not answered. */
  async announce(type?: 'unavailable'): Promise<void> {
    let said = 0
    for (const [user, { watchesUs, consent, by }] of this.#subscriptions.all()) {
      if (!this.#link.online) return
      if (!this.#sources.has(by)) continue
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
    for (const [user, subscription] of this.#subscriptions.all()) {
      if (this.#counts(subscription) && user.endsWith(`@${domain}`)) yield user
    }
  }

  /** How many are seen in the domain, by what gave their consent. */
  countIn(domain: string): Record<ConsentSource, number> {
    const counts = { subscription: 0, roster: 0 }
    for (const user of this.grantedIn(domain)) counts[this.#subscriptions.of(user)?.by ?? 'subscription']++
    return counts
  }

  #decline(user: BareJid, request: SubscriptionRequest): void {
    if (request === 'subscribe') this.#say(user, 'unsubscribed')
    if (request === 'subscribed') this.#say(user, 'unsubscribe')
  }

  #counts(subscription: Subscription | undefined): subscription is Subscription {
    return subscription?.consent === 'granted' && this.#sources.has(subscription.by)
  }

  #say(user: BareJid, type?: PresenceType): void {
    const looks = type === undefined ? [this.#card.photoUpdate()] : []
    this.#link.send(presence(this.#domains.address(user), type, ...looks))
  }

  #set(user: BareJid, change: Parameters<Subscriptions['set']>[1]): void {
    this.#subscriptions.set(user, change).catch((error: unknown) => this.#handler.unsaved(error))
  }
}
