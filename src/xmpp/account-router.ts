import type { Clock } from '../presence/clock.js'
import { parseStanzaJid } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { AccountReconciler } from './account-reconciler.js'
import type { AccountRoster } from './account-roster.js'
import type { Link, LinkHandler } from './link.js'
import type { ServiceDiscovery } from './service-discovery.js'
import type { StanzaCounter } from './stanza-router.js'
import { iqError, parsePresence, presence } from './stanzas.js'
import type { XmlElement } from './xml-element.js'

export interface AccountRouterParts {
  readonly link: Link
  readonly board: PresenceBoard
  readonly roster: AccountRoster
  readonly reconciler: AccountReconciler
  readonly discovery: ServiceDiscovery
  /** Takes in a `<message>`; false: it is nothing that was asked for. */
  readonly heard: (message: XmlElement) => boolean
}

export interface AccountRouterOptions {
  /** The account's own, in its server's spelling. */
  readonly domain: string
  readonly textLimit: number
}

/** What comes over an account's link. Presence counts only of contacts who let us see it; all else is counted and dropped. */
export class AccountRouter implements LinkHandler {
  readonly #parts: AccountRouterParts
  readonly #options: AccountRouterOptions
  readonly #clock: Clock
  readonly #counter: StanzaCounter

  constructor(parts: AccountRouterParts, options: AccountRouterOptions, clock: Clock, counter: StanzaCounter) {
    this.#parts = parts
    this.#options = options
    this.#clock = clock
    this.#counter = counter
  }

  up(): void {
    this.#parts.reconciler.up()
  }

  down(): void {
    this.#parts.reconciler.down()
  }

  missed(): void {}

  stanza(stanza: XmlElement): void {
    if (stanza.name === 'presence') this.#presence(stanza)
    else if (stanza.name === 'iq') this.#asked(stanza)
    else if (!this.#parts.heard(stanza)) this.#counter.dropped('meaningless')
  }

  #presence(stanza: XmlElement): void {
    const { board, link, roster } = this.#parts
    const said = parsePresence(stanza, this.#clock, this.#options.textLimit)
    if (!said) return this.#counter.dropped('meaningless')
    const { bare, resource } = said.from
    switch (said.kind) {
      case 'available':
      case 'unavailable':
        // Whoever knows our address can direct presence at us.
        if (!roster.has(bare)) return this.#counter.dropped('ungranted')
        this.#counter.taken()
        if (said.kind === 'available') return board.put(bare, resource ?? '', said.presence)
        return board.remove(bare, resource, said.text, said.at)
      case 'subscribe':
        // Others wait for whoever owns the account, in another client of it.
        if (!roster.mayWatch(bare)) return this.#counter.dropped('ungranted')
        return link.send(presence(roster.address(bare), 'subscribed'))
      default:
        // The server keeps the roster by it, and pushes what came of it.
        return
    }
  }

  #asked(iq: XmlElement): void {
    const { link, roster, discovery } = this.#parts
    if (roster.pushed(iq)) return
    const { from, id, type } = iq.attrs
    if (id === undefined || (type !== 'get' && type !== 'set')) return
    if (from !== undefined && this.#isKnown(from)) return discovery.handle(iq)
    // Strangers learn no more than that nobody is there (RFC 6121 §8.5.3.1).
    link.send(iqError(iq, 'cancel', 'service-unavailable'))
  }

  #isKnown(from: string): boolean {
    const user = parseStanzaJid(from)
    return from === this.#options.domain || (user !== null && this.#parts.roster.mayWatch(user.bare))
  }
}
