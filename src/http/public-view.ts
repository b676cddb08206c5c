import type { Domains } from '../presence/domains.js'
import type { BareJid } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { Publications } from '../presence/publication.js'
import { type PublishedPresence, publish } from './status-rendering.js'

/** The board as anonymous readers may see it. */
export class PublicView {
  readonly domains: Domains
  readonly #board: PresenceBoard
  readonly #publications: Publications

  constructor(board: PresenceBoard, domains: Domains, publications: Publications) {
    this.#board = board
    this.domains = domains
    this.#publications = publications
  }

  /** null, with no difference: unknown, of no served domain, or unpublished. */
  of(jid: BareJid, domain: string): PublishedPresence | null {
    const publication = this.#publications.of(jid, domain)
    if (publication === 'none') return null
    const presence = this.#board.get(jid, domain)
    return presence && publish(this.domains.address(jid), presence, publication)
  }
}
