import type { PublicLinks } from '../accounts/public-links.js'
import type { Domains } from '../presence/domains.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { Publications } from '../presence/publication.js'
import { type PublishedPresence, publish } from './status-rendering.js'

/** The board as anonymous readers may see it. */
export class PublicView {
  readonly domains: Domains
  readonly #board: PresenceBoard
  readonly #publications: Publications
  readonly #links: Pick<PublicLinks, 'find'>

  constructor(board: PresenceBoard, domains: Domains, publications: Publications, links: Pick<PublicLinks, 'find'>) {
    this.#board = board
    this.domains = domains
    this.#publications = publications
    this.#links = links
  }

  /** null, with no difference: unknown, of no served domain, or unpublished. */
  of(jid: BareJid, domain: string): PublishedPresence | null {
    const publication = this.#publications.of(jid, domain)
    if (publication === 'none') return null
    const presence = this.#board.get(jid, domain)
    return presence && publish(this.domains.address(jid), presence, publication)
  }

  /** Of whoever's link it is, whatever she publishes. null: nobody's, or of no served domain. */
  ofLink(token: string): PublishedPresence | null {
    const jid = this.#links.find(token)
    if (!jid || !this.domains.has(domainOf(jid))) return null
    const presence = this.#board.get(jid, domainOf(jid))
    return presence && publish(null, presence, 'details')
  }
}
