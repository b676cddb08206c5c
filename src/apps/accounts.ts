import type { Forgotten } from '../accounts/forgotten.js'
import type { PublicLinks } from '../accounts/public-links.js'
import type { Domains } from '../presence/domains.js'
import { InTurn } from '../presence/in-turn.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import type { UserPresence } from '../presence/presence.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { Publication, PublicationChoice, Publications } from '../presence/publication.js'
import type { AppId } from './app.js'
import { AppFault } from './app-fault.js'
import type { Apps } from './apps.js'
import type { Grant } from './grant.js'
import type { Grants } from './grants.js'

export interface GoneWithAccount {
  readonly grants: readonly Grant[]
  readonly apps: readonly AppId[]
}

export interface AccountStore {
  /**
   * Removes all that is hers: sessions, personal tokens, grants, publication, public link, memberships, presence and
   * subscription; and the apps that she alone was a member of, with their grants. In its place is `hash` among the forgotten.
   * All or nothing, durable once resolved. Returns the grants and the apps that went.
   */
  remove(user: BareJid, hash: string): Promise<GoneWithAccount>
}

/** Where presence comes from, for who goes and who comes back. */
export interface AccountSources {
  /** Whether it is for us to say that she exists. */
  mayExpect(user: BareJid): boolean
  /** Nothing of her is wanted any more. */
  forget(user: BareJid): void
  /** It is wanted again, as soon as it can be had; of whom it cannot, nothing happens. */
  lookUp(user: BareJid): void
}

export interface AccountParts {
  readonly store: AccountStore
  readonly forgotten: Forgotten
  readonly links: PublicLinks
  readonly publications: Publications
  readonly board: PresenceBoard
  readonly domains: Domains
  readonly grants: Pick<Grants, 'gone'>
  readonly apps: Pick<Apps, 'gone'>
  readonly sources: AccountSources
}

/** As she sees it herself. */
export interface Account {
  readonly publish: PublicationChoice
  /** What that comes to. */
  readonly publishes: Publication
  readonly presence: UserPresence
  readonly hasLink: boolean
}

const NEVER_SEEN: UserPresence = { show: 'unknown', text: null, since: null, freshness: 'unknown' }

/** What users decide about themselves. What changes is durable once resolved. Throws AppFault. */
export class Accounts {
  readonly #parts: AccountParts
  /** She goes or comes back, one after the other: neither finds what the one before has half done. */
  readonly #turns = new InTurn<BareJid>()

  constructor(parts: AccountParts) {
    this.#parts = parts
  }

  of(user: BareJid): Account {
    const { publications, board, links } = this.#parts
    const domain = domainOf(user)
    return {
      publish: publications.chosen().get(user) ?? 'domain',
      publishes: publications.of(user, domain),
      presence: board.get(user, domain) ?? NEVER_SEEN,
      hasLink: links.has(user),
    }
  }

  async publish(user: BareJid, choice: PublicationChoice): Promise<void> {
    this.#demandThere(user)
    await this.#parts.publications.choose(user, choice)
    this.#expect(user)
  }

  /** What follows the `~` of the link: to be shown once. The link before leads nowhere from now on. */
  async renewLink(user: BareJid): Promise<string> {
    this.#demandThere(user)
    if (!this.#parts.domains.has(domainOf(user))) {
      throw new AppFault('wrong-state', `nothing is known here of the users of ${domainOf(user)}`)
    }
    const token = await this.#parts.links.renew(user)
    this.#expect(user)
    return token
  }

  removeLink(user: BareJid): Promise<void> {
    return this.#parts.links.remove(user)
  }

  /** Deletes all that is kept of her, so that it stays deleted until she signs in again. */
  delete(user: BareJid): Promise<void> {
    return this.#turns.run(user, () => this.#delete(user))
  }

  /** She proved who she is. */
  signedIn(user: BareJid): Promise<void> {
    return this.#turns.run(user, async () => {
      if (!(await this.#parts.forgotten.remove(user))) return
      const { domains, board, sources } = this.#parts
      if (domains.has(domainOf(user))) board.doubt(user)
      sources.lookUp(user)
    })
  }

  async #delete(user: BareJid): Promise<void> {
    const { store, forgotten, links, publications, board, grants, apps, sources } = this.#parts
    // First, so that nothing of hers comes in between.
    const takeBack = forgotten.add(user)
    let gone: GoneWithAccount
    try {
      gone = await store.remove(user, forgotten.hash(user))
    } catch (error) {
      takeBack()
      throw error
    }
    publications.forget(user)
    links.forget(user)
    board.forget(user)
    sources.forget(user)
    grants.gone(gone.grants)
    apps.gone(gone.apps)
  }

  /** She exists, though perhaps nobody has seen her yet. */
  #expect(user: BareJid): void {
    const { domains, board, sources } = this.#parts
    if (domains.has(domainOf(user)) && sources.mayExpect(user)) board.expect(user)
  }

  #demandThere(user: BareJid): void {
    if (this.#parts.forgotten.has(user)) throw new AppFault('not-found', 'this account was deleted')
  }
}
