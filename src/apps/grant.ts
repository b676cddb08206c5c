import type { BareJid } from '../presence/jid.js'
import type { AppId, Scope } from './app.js'

/** A user lets one app see her. */
export interface Grant {
  readonly user: BareJid
  readonly appid: AppId
  /** `UID` and 22 characters, base64url: what the app knows her by. Random, and gone with the grant. */
  readonly uid: string
  /** `status` is always among them. */
  readonly scope: readonly Scope[]
  /** To the app she is offline until it is not. */
  readonly paused: boolean
  /** ms since 1970 */
  readonly grantedAt: number
  /** The batch of the log that tells of it as it is now: the app is told of her what came later. 0: one long gone. */
  readonly changedIn: number
}

/** All that changes is durable once resolved, and stands in the log of changes with it, or neither does. */
export interface GrantStore {
  find(user: BareJid, appid: AppId): Promise<Grant | null>
  byUid(uid: string): Promise<Grant | null>
  ofUser(user: BareJid): Promise<readonly Grant[]>
  ofApp(appid: AppId, after: BareJid | '', limit: number): Promise<readonly Grant[]>
  countOfApp(appid: AppId): Promise<number>
  /** Whoever lets any app see her. */
  users(): Promise<Iterable<BareJid>>
  /** In place of the one that is there. Returns it as it stands in the log. */
  save(grant: Omit<Grant, 'changedIn'>): Promise<Grant>
  /** false: there was none. */
  remove(user: BareJid, appid: AppId): Promise<boolean>
}
