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
import { ChangeLogState } from './change-log-state.js'
import { type Database, databaseFile, openDatabase } from './database.js'
import { DatabasePlace } from './database-place.js'
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

/** A database that is open, and its stores. */
export interface OpenDatabase {
  readonly database: Database
  readonly place: DatabasePlace
  readonly presences: PresenceStore
  readonly changes: ChangeLog
  readonly log: ChangeLogState
  readonly publications: PublicationStore
  readonly subscriptions: SubscriptionStore
  readonly rosters: RosterStore
  readonly rosterCopies: RosterCopies
  readonly rosterPushes: RosterPushStore
  readonly apps: AppStore
  readonly sessions: SessionStore
  readonly personalTokens: PersonalTokenStore
  readonly grants: GrantStore
  readonly webhooks: WebhookStore
  readonly accounts: AccountStore
  readonly publicLinks: PublicLinkStore
  readonly forgotten: ForgottenStore
}

/** Made if missing. Throws StorageError. */
export function openStores(directory: string, now: () => number): OpenDatabase {
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
