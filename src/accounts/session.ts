import type { BareJid } from '../presence/jid.js'

/** A browser that a user has signed in with. */
export interface Session {
  /** The hash of what its cookie holds. */
  readonly id: string
  readonly user: BareJid
  /** Of the browser, for her to tell it from others: `Firefox on Linux`. */
  readonly browser: string
  readonly address: string
  /** ms since 1970 */
  readonly createdAt: number
  readonly usedAt: number
}

export interface SessionStore {
  find(id: string): Promise<Session | null>
  /** The newest first. */
  ofUser(user: BareJid): Promise<readonly Session[]>
  /** Durable once resolved. */
  save(session: Session): Promise<void>
  /** Survives the end of this process, not a power cut. */
  used(id: string, at: number): Promise<void>
  /** Durable once resolved, so that a session that ended does not come back. */
  remove(id: string): Promise<void>
  removeOfUser(user: BareJid): Promise<void>
  removeUnusedSince(time: number): Promise<void>
}
