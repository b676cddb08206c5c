import type { ForgottenStore } from '../accounts/forgotten.js'
import type { PersonalTokenStore } from '../accounts/personal-token.js'
import type { PublicLinkStore } from '../accounts/public-links.js'
import type { SessionStore } from '../accounts/session.js'
import type { AccountStore } from '../apps/accounts.js'
import type { AppStore } from '../apps/app-store.js'
import type { GrantStore } from '../apps/grant.js'
import type { ChangeLog } from '../delivery/change-log.js'
import type { WebhookStore } from '../delivery/webhook-store.js'
import type { PresenceStore } from '../presence/presence-store.js'
import type { PublicationStore } from '../presence/publication.js'
import type { SubscriptionStore } from '../presence/subscriptions.js'
import type { RosterCopies } from '../roster/roster-copies.js'
import type { RosterPushStore } from '../roster/roster-push-store.js'
import type { RosterStore } from '../roster/roster-store.js'
import { DatabaseInUse, type Memory, type StorageObserver, type StorageOptions } from './database-in-use.js'
import type { OpenDatabase } from './open-stores.js'

/** The stores, in whichever database is in use when they are called. */
export class Storage {
  readonly presences: PresenceStore = {
    changes: () => this.#inUse.write(({ presences }) => presences.changes()),
    append: async (batch, at) => {
      const number = await this.#inUse.write(({ presences }) => presences.append(batch, at))
      this.#inUse.appended(number)
      return number
    },
    fold: (upTo, living, isLast) => this.#inUse.write(({ presences }) => presences.fold(upTo, living, isLast)),
    kept: () => this.#inUse.write(({ presences }) => presences.kept()),
    prune: (upTo, grantsBefore) => this.#inUse.write(({ presences }) => presences.prune(upTo, grantsBefore)),
    knownUntil: () => this.#inUse.write(({ presences }) => presences.knownUntil()),
    saveKnownUntil: (time) => this.#inUse.write(({ presences }) => presences.saveKnownUntil(time)),
  }
  readonly changes = this.#store<ChangeLog>(({ changes }) => changes, ['epoch', 'head', 'after', 'grantsAfter'])
  readonly publications = this.#store<PublicationStore>(({ publications }) => publications)
  readonly subscriptions = this.#store<SubscriptionStore>(({ subscriptions }) => subscriptions)
  readonly rosters = this.#store<RosterStore>(({ rosters }) => rosters, ['printed', 'users'])
  readonly rosterCopies = this.#store<RosterCopies>(({ rosterCopies }) => rosterCopies, ['copyOf'])
  readonly rosterPushes = this.#store<RosterPushStore>(({ rosterPushes }) => rosterPushes, ['pushed', 'pushedUsers'])
  readonly sessions = this.#store<SessionStore>(({ sessions }) => sessions, ['find', 'ofUser'])
  readonly personalTokens = this.#store<PersonalTokenStore>(({ personalTokens }) => personalTokens, ['find', 'ofUser'])
  readonly apps = this.#store<AppStore>(({ apps }) => apps, ['find', 'ofMember', 'keys', 'icon', 'webhookGeneration'])
  readonly grants = this.#store<GrantStore>(
    ({ grants }) => grants,
    ['find', 'byUid', 'ofUser', 'ofApp', 'countOfApp', 'users'],
  )
  readonly webhooks = this.#store<WebhookStore>(({ webhooks }) => webhooks, ['find', 'wanted', 'deliveries'])
  readonly accounts = this.#store<AccountStore>(({ accounts }) => accounts)
  readonly publicLinks = this.#store<PublicLinkStore>(({ publicLinks }) => publicLinks)
  readonly forgotten = this.#store<ForgottenStore>(({ forgotten }) => forgotten)
  readonly #inUse: DatabaseInUse

  /** Opens the database in `directory`, made if missing. Throws StorageError. */
  constructor(directory: string, observer: StorageObserver, options: StorageOptions = {}) {
    this.#inUse = new DatabaseInUse(directory, observer, options)
  }

  /** Why storing fails, for the admin; null: it does not, and nothing waits. */
  get fault(): string | null {
    return this.#inUse.fault
  }

  /** A secret of this database, made at first use and kept. */
  secret(name: string, random: (bytes: number) => Buffer): Buffer {
    return this.#inUse.secret(name, random)
  }

  /** Notices what became of the file, and mends what can be mended; to be called each second. */
  check(memory: Memory): void {
    this.#inUse.check(memory)
  }

  /** Rejects where the newest cannot be stored for good. */
  close(): Promise<void> {
    return this.#inUse.close()
  }

  /** A store of the database that is in use when its method is called. `reads`: those of them that change nothing. */
  #store<Store extends object>(
    store: (stores: OpenDatabase) => Store,
    reads: readonly (keyof Store & string)[] = [],
  ): Store {
    type Methods = Record<string | symbol, (...said: unknown[]) => Promise<unknown>>
    const get = (_: unknown, method: string | symbol) => {
      const call = (said: unknown[]) => async (stores: OpenDatabase) => (store(stores) as Methods)[method]?.(...said)
      const isRead = (reads as readonly (string | symbol)[]).includes(method)
      return (...said: unknown[]) => (isRead ? this.#inUse.read(call(said)) : this.#inUse.write(call(said)))
    }
    return new Proxy({}, { get }) as Store
  }
}
