import type { BareJid } from './jid.js'

/**
 * Whether we may see her (RFC 6121 §3.1), as she last said:
 * `asked`: we asked, she has not answered; `granted`: her server sends us her presence; `refused`: she declined, or took
 * back what she had granted. Nobody who refused is asked again unless an admin or she herself begins.
 */
export type Consent = 'asked' | 'granted' | 'refused'

/** Who gave it: she herself, by accepting us as a contact, or her roster, in which the admin's web app or we wrote us. */
export type ConsentSource = 'subscription' | 'roster'

export interface Subscription {
  readonly consent: Consent
  readonly by: ConsentSource
  /** She sees the component's own presence in her roster. */
  readonly watchesUs: boolean
}

export interface SubscriptionStore {
  subscriptions(): Promise<ReadonlyMap<BareJid, Subscription>>
  /**
   * Once resolved it survives the end of this process. After a power cut the newest may be missing: the server is the
   * authority, and a user who can change it as often as she likes must not make us wait for the disk each time.
   */
  saveSubscription(user: BareJid, subscription: Subscription): Promise<void>
}

/** Who let the component see her presence. */
export class Subscriptions {
  readonly #store: SubscriptionStore
  readonly #byUser: Map<BareJid, Subscription>
  /** What the store refused, until it takes it. At most every user once. */
  readonly #unsaved = new Set<BareJid>()

  private constructor(store: SubscriptionStore, byUser: ReadonlyMap<BareJid, Subscription>) {
    this.#store = store
    this.#byUser = new Map(byUser)
  }

  static async load(store: SubscriptionStore): Promise<Subscriptions> {
    return new Subscriptions(store, await store.subscriptions())
  }

  of(user: BareJid): Subscription | undefined {
    return this.#byUser.get(user)
  }

  hasRefused(user: BareJid): boolean {
    return this.#byUser.get(user)?.consent === 'refused'
  }

  all(): IterableIterator<[BareJid, Subscription]> {
    return this.#byUser.entries()
  }

  /** It is gone from the store already. */
  forget(user: BareJid): void {
    this.#byUser.delete(user)
    this.#unsaved.delete(user)
  }

  /** How many the store has not taken yet. */
  get unsaved(): number {
    return this.#unsaved.size
  }

  /** Takes effect at once, in memory; resolves when stored. A failure is made good by `saveUnsaved`. */
  async set(user: BareJid, change: Partial<Subscription>): Promise<void> {
    const before = this.#byUser.get(user)
    const after: Subscription = { consent: 'refused', by: 'subscription', watchesUs: false, ...before, ...change }
    if (before?.consent === after.consent && before.by === after.by && before.watchesUs === after.watchesUs) return
    this.#byUser.set(user, after)
    this.#unsaved.add(user)
    await this.#save(user)
  }

  /** Rejects at the first one that the store still refuses. */
  async saveUnsaved(): Promise<void> {
    for (const user of [...this.#unsaved]) await this.#save(user)
  }

  async #save(user: BareJid): Promise<void> {
    const subscription = this.#byUser.get(user)
    if (subscription) await this.#store.saveSubscription(user, subscription)
    // Her newer word, if there is one, is saved by whoever brought it.
    if (this.#byUser.get(user) === subscription) this.#unsaved.delete(user)
  }
}
