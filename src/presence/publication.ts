import type { BareJid } from './jid.js'

/** What anonymous readers on the web may see: nothing, the status without its text, or all of it. */
export type Publication = 'none' | 'status' | 'details'
/** A user's own word; `domain`: as her domain does. */
export type PublicationChoice = Publication | 'domain'

export const PUBLICATION_CHOICES: readonly PublicationChoice[] = ['none', 'status', 'details', 'domain']

export interface PublicationStore {
  /** Every choice that differs from `domain`. */
  choices(): Promise<ReadonlyMap<BareJid, Publication>>
  /** Durable once resolved. */
  saveChoice(user: BareJid, choice: PublicationChoice): Promise<void>
}

/** Who may be seen by anybody: her own choice, else her domain's default. */
export class Publications {
  readonly #domains: ReadonlyMap<string, Publication>
  readonly #choices: Map<BareJid, Publication>
  readonly #store: PublicationStore

  private constructor(
    domains: ReadonlyMap<string, Publication>,
    store: PublicationStore,
    choices: ReadonlyMap<BareJid, Publication>,
  ) {
    this.#domains = domains
    this.#store = store
    this.#choices = new Map(choices)
  }

  static async load(domains: ReadonlyMap<string, Publication>, store: PublicationStore): Promise<Publications> {
    return new Publications(domains, store, await store.choices())
  }

  /** `none` for domains that are not served, whatever was chosen when they were. */
  of(user: BareJid, domain: string): Publication {
    const byDefault = this.#domains.get(domain)
    if (byDefault === undefined) return 'none'
    return this.#choices.get(user) ?? byDefault
  }

  async choose(user: BareJid, choice: PublicationChoice): Promise<void> {
    await this.#store.saveChoice(user, choice)
    if (choice === 'domain') this.#choices.delete(user)
    else this.#choices.set(user, choice)
  }

  /** Her choice is gone from the store already. */
  forget(user: BareJid): void {
    this.#choices.delete(user)
  }

  /** Everybody who chose for herself. */
  chosen(): ReadonlyMap<BareJid, Publication> {
    return this.#choices
  }
}
