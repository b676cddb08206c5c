import type { BareJid } from '../presence/jid.js'

/** Lets a script of hers call `/api` in her name. */
export interface PersonalToken {
  /** `tok_…`: names it where it is listed and removed. */
  readonly id: string
  readonly user: BareJid
  readonly name: string
  /** ms since 1970 */
  readonly createdAt: number
}

export interface PersonalTokenStore {
  find(hash: string): Promise<PersonalToken | null>
  /** The newest first. */
  ofUser(user: BareJid): Promise<readonly PersonalToken[]>
  /** Durable once resolved. */
  save(token: PersonalToken, hash: string): Promise<void>
  /** false: she has none of that id. Durable once resolved. */
  remove(user: BareJid, id: string): Promise<boolean>
}
