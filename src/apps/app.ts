import type { BareJid } from '../presence/jid.js'
import type { Grant } from './grant.js'

declare const appId: unique symbol
/** `app_` and 24 characters, base64url. */
export type AppId = string & { readonly [appId]: true }

/** What an app may know of a user: `status` always, `details` show, text and since, `address` her JID. */
export type Scope = 'status' | 'details' | 'address'
export const SCOPES: readonly Scope[] = ['status', 'details', 'address']

/** A registered app. */
export interface App {
  readonly appid: AppId
  /** A-labels, lower case; with `:port` only inside `outbound.allowPrivate`. */
  readonly domain: string
  readonly name: string
  readonly description: string
  /** What it asks for where a request names no scope. */
  readonly scope: readonly Scope[]
  /** Subdomains of its domain to which users may be sent back, too. */
  readonly hosts: readonly string[]
  readonly members: readonly BareJid[]
  /** ms since 1970, like all times here. */
  readonly createdAt: number
  /** null: the domain was never proven. */
  readonly verifiedAt: number | null
  readonly active: boolean
  readonly hasIcon: boolean
  readonly webhook: string | null
}

/** How many members it may have, how many further hosts, how many apps a user may register. */
export const APP_LIMITS = { members: 50, hosts: 50, appsOfUser: 100 } as const

export interface KeyHashes {
  readonly key: string | null
  /** The one before, until `oldUntil`. */
  readonly old: string | null
  readonly oldUntil: number | null
}

/** All that changes is durable once resolved. */
export interface AppStore {
  find(appid: AppId): Promise<App | null>
  ofMember(user: BareJid): Promise<readonly App[]>
  /** With its first member, who registered it. */
  add(app: App): Promise<void>
  /** Everything but keys, members and the icon. */
  save(app: App): Promise<void>
  keys(appid: AppId): Promise<KeyHashes>
  saveKeys(appid: AppId, keys: KeyHashes): Promise<void>
  icon(appid: AppId): Promise<AppIcon | null>
  saveIcon(appid: AppId, icon: AppIcon | null): Promise<void>
  addMember(appid: AppId, user: BareJid): Promise<void>
  /** If she registered it, `heir`, another member, has from then on. */
  removeMember(appid: AppId, user: BareJid, heir: BareJid): Promise<void>
  isRegistrant(appid: AppId, user: BareJid): Promise<boolean>
  /** How many she registered, or is the heir of. */
  countRegistered(user: BareJid): Promise<number>
  /** With its grants, keys, icon and members, all or nothing. Returns the grants that went. */
  remove(appid: AppId): Promise<readonly Grant[]>
  webhookGeneration(appid: AppId): Promise<{ readonly generation: number; readonly rotatedAt: number | null }>
  saveWebhookGeneration(appid: AppId, generation: number, rotatedAt: number | null): Promise<void>
}

export interface AppIcon {
  /** Of a bitmap, as its first bytes say. */
  readonly type: string
  readonly image: Buffer
}
