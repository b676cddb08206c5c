import type { BareJid } from '../presence/jid.js'
import type { Consent, Subscription, SubscriptionStore } from '../presence/subscriptions.js'
import type { Database } from './database.js'

interface Row {
  readonly user: BareJid
  readonly consent: Consent
  readonly watches_us: number
}

export class SqliteSubscriptionStore implements SubscriptionStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async subscriptions(): Promise<ReadonlyMap<BareJid, Subscription>> {
    const rows = this.#database.prepare<[], Row>('SELECT * FROM subscription').all()
    return new Map(rows.map(({ user, consent, watches_us }) => [user, { consent, watchesUs: watches_us === 1 }]))
  }

  async saveSubscription(user: BareJid, { consent, watchesUs }: Subscription): Promise<void> {
    this.#database
      .prepare('REPLACE INTO subscription (user, consent, watches_us) VALUES (?, ?, ?)')
      .run(user, consent, watchesUs ? 1 : 0)
  }
}
