import type { BareJid } from '../presence/jid.js'

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

export interface AppIcon {
  /** Of a bitmap, as its first bytes say. */
  readonly type: string
  readonly image: Buffer
}
