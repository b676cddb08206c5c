import type { Clock } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { LinkHandler } from './link.js'
import type { PrivilegedRosters } from './privileged-rosters.js'
import type { PrivilegedSource } from './privileged-source.js'
import type { Reconciler } from './reconciler.js'
import type { ServiceDiscovery } from './service-discovery.js'
import { type PresenceStanza, parsePresence } from './stanzas.js'
import type { SubscriptionSource } from './subscription-source.js'
import type { XmlElement } from './xml-element.js'

export interface StanzaCounter {
  /** A presence was taken in. */
  taken(): void
  /** `unserved`: of no served domain; `ungranted`: no active source for her; `meaningless`: nothing that is for us. */
  dropped(reason: 'unserved' | 'ungranted' | 'meaningless'): void
}

export interface RouterParts {
  readonly board: PresenceBoard
  readonly privileged: PrivilegedSource
  readonly rosters: Pick<PrivilegedRosters, 'announced' | 'down'>
  readonly subscriptions: SubscriptionSource
  readonly reconciler: Reconciler
  readonly discovery: ServiceDiscovery
  /** Takes in a `<message>` that may be a user's; false: it is nothing that was asked for. */
  readonly heard: (message: XmlElement) => boolean
}

export interface RouterOptions {
  readonly domains: Domains
  readonly sources: ReadonlySet<string>
  readonly textLimit: number
}

/** What comes over the link, to whom it is for. Presence counts only from trusted sources; all else is counted and dropped. */
export class StanzaRouter implements LinkHandler {
  readonly #parts: RouterParts
  readonly #options: RouterOptions
  readonly #clock: Clock
  readonly #counter: StanzaCounter

  constructor(parts: RouterParts, options: RouterOptions, clock: Clock, counter: StanzaCounter) {
    this.#parts = parts
    this.#options = options
    this.#clock = clock
    this.#counter = counter
  }

  up(): void {
    this.#parts.privileged.reset()
    this.#parts.reconciler.up()
    void this.#parts.subscriptions.announce()
  }

  down(): void {
    this.#parts.reconciler.down()
    this.#parts.rosters.down()
    this.#parts.privileged.reset()
  }

  missed(): void {
    this.#parts.reconciler.missed()
  }

  stanza(stanza: XmlElement): void {
    if (stanza.name === 'presence') return this.#presence(stanza)
    if (stanza.name === 'iq') return this.#parts.discovery.handle(stanza)
    const { privileged, reconciler, rosters } = this.#parts
    const domain = privileged.announced(stanza)
    if (domain === null) return this.#parts.heard(stanza) ? undefined : this.#counter.dropped('meaningless')
    if (this.#options.sources.has('privileged')) reconciler.privilegeAnnounced(domain)
    rosters.announced(domain)
  }

  #presence(stanza: XmlElement): void {
    const said = parsePresence(stanza, this.#clock, this.#options.textLimit)
    if (!said) return this.#counter.dropped('meaningless')
    if (!this.#options.domains.has(said.from.domain)) return this.#counter.dropped('unserved')
    if (said.kind === 'available' || said.kind === 'unavailable') return this.#status(said)
    if (said.kind === 'probe') return this.#parts.subscriptions.probed(said.from.bare)
    // Who takes something back is heard whatever is configured: the source may be named again later.
    const takesBack = said.kind === 'unsubscribe' || said.kind === 'unsubscribed'
    if (!takesBack && !this.#options.sources.has('subscription')) return this.#counter.dropped('ungranted')
    this.#parts.subscriptions.said(said.from.bare, said.kind)
  }

  #status(said: Extract<PresenceStanza, { kind: 'available' | 'unavailable' }>): void {
    const { board, privileged, subscriptions, reconciler } = this.#parts
    const { bare, domain, resource } = said.from
    if (!privileged.has(domain) && !subscriptions.has(bare)) return this.#counter.dropped('ungranted')
    this.#counter.taken()
    reconciler.heard(bare, resource)
    if (said.kind === 'available') board.put(bare, resource ?? '', said.presence)
    else board.remove(bare, resource, said.text, said.at)
  }
}
