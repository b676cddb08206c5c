import type { Statement } from 'better-sqlite3'
import type { BareJid } from '../presence/jid.js'
import type { Consent, ConsentSource, Subscription, SubscriptionStore } from '../presence/subscriptions.js'
import type { Database } from './database.js'

interface Row {
  readonly user: BareJid
  readonly consent: Consent
  readonly watches_us: number
  readonly by: ConsentSource
}

interface Waiting {
  readonly user: BareJid
  readonly subscription: Subscription
  resolve(): void
  reject(error: unknown): void
}

export class SqliteSubscriptionStore implements SubscriptionStore {
  readonly #database: Database
  readonly #put: Statement<[string, string, number, string]>
  #waiting: Waiting[] = []

  constructor(database: Database) {
    this.#database = database
    this.#put = database.prepare('REPLACE INTO subscription (user, consent, watches_us, by) VALUES (?, ?, ?, ?)')
  }

  async subscriptions(): Promise<ReadonlyMap<BareJid, Subscription>> {
    const rows = this.#database.prepare<[], Row>('SELECT * FROM subscription').all()
    return new Map(
      rows.map(({ user, consent, watches_us, by }) => [user, { consent, by, watchesUs: watches_us === 1 }]),
    )
  }

  saveSubscription(user: BareJid, subscription: Subscription): Promise<void> {
    return new Promise((resolve, reject) => {
      // Everything said in one packet is one transaction: a thousand users may answer at once.
      if (this.#waiting.push({ user, subscription, resolve, reject }) === 1) queueMicrotask(() => this.#save())
    })
  }

  #save(): void {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      this.#database.transaction(() => {
        for (const { user, subscription } of waiting) {
          const { consent, watchesUs, by } = subscription
          this.#put.run(user, consent, watchesUs ? 1 : 0, by)
        }
      })()
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}
