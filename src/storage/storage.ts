import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import type { ForgottenStore } from '../accounts/forgotten.js'
import type { PersonalTokenStore } from '../accounts/personal-token.js'
import type { PublicLinkStore } from '../accounts/public-links.js'
import type { SessionStore } from '../accounts/session.js'
import type { AccountStore } from '../apps/accounts.js'
import type { AppStore } from '../apps/app.js'
import type { GrantStore } from '../apps/grant.js'
import type { ChangeLog } from '../delivery/change-log.js'
import type { WebhookStore } from '../delivery/webhook-store.js'
import { timeInName } from '../ops/time-in-name.js'
import type { PresenceStore } from '../presence/presence-store.js'
import type { PublicationStore } from '../presence/publication.js'
import type { SubscriptionStore } from '../presence/subscriptions.js'
import type { RosterCopies } from '../roster/roster-copies.js'
import type { RosterPushStore } from '../roster/roster-push-store.js'
import type { RosterStore } from '../roster/roster-store.js'
import { ChangeLogState } from './change-log-state.js'
import {
  type Database,
  databaseFile,
  explainStorage,
  isDamage,
  openDatabase,
  StorageError,
  storageError,
} from './database.js'
import { removeDatabase, replaceDatabase, sync } from './database-files.js'
import { DatabasePlace } from './database-place.js'
import { Salvage } from './salvage.js'
import { secret } from './secrets.js'
import { SqliteAccountStore } from './sqlite-account-store.js'
import { SqliteAppStore } from './sqlite-app-store.js'
import { SqliteChangeLog } from './sqlite-change-log.js'
import { SqliteForgottenStore } from './sqlite-forgotten-store.js'
import { SqliteGrantStore } from './sqlite-grant-store.js'
import { SqlitePersonalTokenStore } from './sqlite-personal-token-store.js'
import { SqlitePresenceStore } from './sqlite-presence-store.js'
import { SqlitePublicLinkStore } from './sqlite-public-link-store.js'
import { SqlitePublicationStore } from './sqlite-publication-store.js'
import { SqliteRosterCopies } from './sqlite-roster-copies.js'
import { SqliteRosterPushStore } from './sqlite-roster-push-store.js'
import { SqliteRosterStore } from './sqlite-roster-store.js'
import { SqliteSessionStore } from './sqlite-session-store.js'
import { SqliteSubscriptionStore } from './sqlite-subscription-store.js'
import { SqliteWebhookStore } from './sqlite-webhook-store.js'
import { type Contents, writeDatabase } from './write-database.js'

export interface StorageObserver {
  /** Once when storing begins to fail. */
  failed(reason: string): void
  /** Once when it works again and nothing is waiting; `mended`: what had to be done for it. */
  recovered(mended: string | null): void
}

/** What the gateway knows, whatever became of the file. */
export interface Memory {
  /** Whether something that could not be stored waits to be tried again. */
  waiting(): boolean
  contents(): Omit<Contents, 'secrets' | 'log' | 'rest'>
}

export interface StorageOptions {
  /** What tells one boot of this machine from another; null: nothing does. */
  readonly boot?: string | null
  /** ms since 1970 */
  readonly now?: () => number
  readonly random?: (bytes: number) => Buffer
}

// What cannot be written anew, because the disk is full perhaps, is not tried at each check.
const CHECKS_BETWEEN_REBUILDS = 10
// So many may have been appended of which nobody here took note.
const UNKNOWN_BATCHES = 1_000_000

/**
 * The stores in the database that is in use, and whether what they acknowledge will be found again: nothing is
 * acknowledged that was written to a file that is not there any more. A database that is lost or damaged is written anew:
 * from memory, and with what the old one still gives of the rest.
 */
export class Storage {
  readonly presences: PresenceStore = {
    changes: () => this.#run(({ presences }) => presences.changes()),
    append: async (batch, at) => {
      this.#lastBatch = await this.#run(({ presences }) => presences.append(batch, at))
      return this.#lastBatch
    },
    fold: (upTo, living, isLast) => this.#run(({ presences }) => presences.fold(upTo, living, isLast)),
    kept: () => this.#run(({ presences }) => presences.kept()),
    prune: (upTo, grantsBefore) => this.#run(({ presences }) => presences.prune(upTo, grantsBefore)),
    knownUntil: () => this.#run(({ presences }) => presences.knownUntil()),
    saveKnownUntil: (time) => this.#run(({ presences }) => presences.saveKnownUntil(time)),
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
  readonly #directory: string
  readonly #observer: StorageObserver
  readonly #secrets = new Map<string, Buffer>()
  #open: OpenDatabase
  readonly #now: () => number
  readonly #log: { readonly epoch: string; readonly open: string }
  /** That was acknowledged. */
  #lastBatch = 0
  #fault: string | null = null
  #damaged = false
  #mended: string | null = null
  #checksUntilRebuild = 0
  #rebuilding: Promise<void> | null = null

  /** Opens the database in `directory`, made if missing. Throws StorageError. */
  constructor(directory: string, observer: StorageObserver, options: StorageOptions = {}) {
    const { boot = null, now = Date.now, random = randomBytes } = options
    this.#directory = directory
    this.#observer = observer
    this.#now = now
    this.#open = open(directory, now)
    try {
      this.#open.log.opened(boot, random(8).toString('hex'))
    } catch (error) {
      this.#open.database.close()
      throw storageError(error, directory)
    }
    this.#log = { epoch: this.#open.log.epoch, open: boot ?? '' }
  }

  /** Why storing fails, for the admin; null: it does not, and nothing waits. */
  get fault(): string | null {
    return this.#fault
  }

  /** A secret of this database, made at first use and kept. */
  secret(name: string, random: (bytes: number) => Buffer): Buffer {
    const value = secret(this.#open.database, name, random)
    this.#secrets.set(name, value)
    return value
  }

  /** Notices what became of the file, and mends what can be mended; to be called each second. */
  check(memory: Memory): void {
    if (this.#rebuilding) return
    try {
      const displaced = this.#open.place.displaced()
      if (displaced) this.#failed(new StorageError(displaced.why))
      this.#open.place.guardReplacement()
      if (this.#damaged || displaced?.kind === 'lost') this.#rebuild(memory)
      else if (this.#fault !== null && !displaced) this.#tryAgain(memory)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Rejects where the newest cannot be stored for good. */
  async close(): Promise<void> {
    await this.#rebuilding
    try {
      this.#open.place.guardReplacement()
      if (this.#fault === null) this.#open.log.closed()
    } finally {
      this.#open.database.close()
    }
  }

  /** Nothing is acknowledged by a reading, so nobody looks at what became of the file. */
  async #read<T>(call: (stores: OpenDatabase) => Promise<T>): Promise<T> {
    try {
      return await call(this.#open)
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  async #run<T>(call: (stores: OpenDatabase) => Promise<T>): Promise<T> {
    try {
      if (this.#damaged || !this.#open.database.open) throw new StorageError(this.#fault ?? 'the database is damaged')
      // Before, so that what is refused is not done all the same in a file that is gone, of which the rest is salvaged.
      this.#demandInPlace()
      const result = await call(this.#open)
      this.#demandInPlace()
      return result
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  #demandInPlace(): void {
    const displaced = this.#open.place.displaced()
    if (displaced) throw new StorageError(displaced.why)
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
      return (...said: unknown[]) => (isRead ? this.#read(call(said)) : this.#run(call(said)))
    }
    return new Proxy({}, { get }) as Store
  }

  #failed(error: unknown): void {
    const began = this.#fault === null
    if (isDamage(error)) this.#damaged = true
    this.#fault = explainStorage(error)
    if (began) this.#observer.failed(this.#fault)
  }

  #tryAgain(memory: Memory): void {
    if (!this.#open.database.open) this.#openAgain()
    const { database } = this.#open
    // Writes a page and changes nothing.
    database.pragma(`user_version = ${database.pragma('user_version', { simple: true })}`)
    if (memory.waiting()) return
    const mended = this.#mended
    this.#fault = null
    this.#mended = null
    this.#observer.recovered(mended)
  }

  #rebuild(memory: Memory): void {
    if (this.#checksUntilRebuild-- > 0) return
    this.#checksUntilRebuild = CHECKS_BETWEEN_REBUILDS
    const salvage = new Salvage(this.#open.database)
    const known = {
      ...memory.contents(),
      rest: salvage.tables(),
      secrets: this.#secrets,
      log: { ...this.#log, last: this.#last() },
    }
    this.#rebuilding = this.#writeAnew(known, salvage)
      .catch((error: unknown) => {
        this.#fault = explainStorage(error)
      })
      .finally(() => {
        this.#rebuilding = null
      })
  }

  async #writeAnew(contents: Contents, { lost }: Salvage): Promise<void> {
    const file = databaseFile(this.#directory)
    const fresh = `${file}.new`
    await writeDatabase(fresh, contents)
    // Meanwhile the old one may have come back, or another.
    const displaced = this.#open.place.displaced()
    if (displaced ? displaced.kind !== 'lost' : !this.#damaged) return removeDatabase(fresh)
    this.#open.database.close()
    const kept = `${file}.damaged-${timeInName()}`
    const isKept = replaceDatabase(file, fresh, kept)
    // Ours from here on, though opening it may have to be tried again.
    this.#open = { ...this.#open, place: new DatabasePlace(file) }
    this.#damaged = false
    this.#checksUntilRebuild = 0
    const incomplete = lost.size === 0 ? '' : `; not all could be read of: ${[...lost].join(', ')} (a backup has it)`
    this.#mended = `${file} was written anew from memory${incomplete}${isKept ? `; the damaged one is kept as ${basename(kept)}` : ''}`
    this.#openAgain()
  }

  #openAgain(): void {
    sync(this.#directory)
    this.#open = open(this.#directory, this.#now)
  }

  /**
   * A later number than the log has come to. Not the same: what is written anew may have changes that no reader was told of,
   * so all of them must find that they are too late.
   */
  #last(): number {
    try {
      return Math.max(lastBatchIn(this.#open.database), this.#lastBatch) + 1
    } catch {
      return this.#lastBatch + UNKNOWN_BATCHES
    }
  }
}

interface OpenDatabase {
  readonly database: Database
  readonly place: DatabasePlace
  readonly presences: PresenceStore
  readonly changes: ChangeLog
  readonly log: ChangeLogState
  readonly publications: PublicationStore
  readonly subscriptions: SubscriptionStore
  readonly rosters: SqliteRosterStore
  readonly rosterCopies: SqliteRosterCopies
  readonly rosterPushes: SqliteRosterPushStore
  readonly apps: SqliteAppStore
  readonly sessions: SessionStore
  readonly personalTokens: PersonalTokenStore
  readonly grants: SqliteGrantStore
  readonly webhooks: SqliteWebhookStore
  readonly accounts: SqliteAccountStore
  readonly publicLinks: SqlitePublicLinkStore
  readonly forgotten: SqliteForgottenStore
}

function open(directory: string, now: () => number): OpenDatabase {
  const database = openDatabase(directory)
  return {
    database,
    place: new DatabasePlace(databaseFile(directory)),
    presences: new SqlitePresenceStore(database),
    changes: new SqliteChangeLog(database),
    log: new ChangeLogState(database),
    publications: new SqlitePublicationStore(database),
    subscriptions: new SqliteSubscriptionStore(database),
    rosters: new SqliteRosterStore(database),
    rosterCopies: new SqliteRosterCopies(database),
    rosterPushes: new SqliteRosterPushStore(database),
    apps: new SqliteAppStore(database),
    sessions: new SqliteSessionStore(database),
    personalTokens: new SqlitePersonalTokenStore(database),
    grants: new SqliteGrantStore(database, now),
    webhooks: new SqliteWebhookStore(database),
    accounts: new SqliteAccountStore(database, now),
    publicLinks: new SqlitePublicLinkStore(database),
    forgotten: new SqliteForgottenStore(database),
  }
}

/** The number that the log has come to, though nothing of it may be left. */
function lastBatchIn(database: Database): number {
  return Number(database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'change_batch'").pluck().get() ?? 0)
}
