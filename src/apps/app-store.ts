import type { BareJid } from '../presence/jid.js'
import type { App, AppIcon, AppId } from './app.js'
import type { Grant } from './grant.js'

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
