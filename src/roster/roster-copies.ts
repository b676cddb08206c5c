import type { BareJid } from '../presence/jid.js'

/** What an upstream last said of a user's contacts. */
export interface RosterCopy {
  /** As `printContacts` prints them. */
  readonly contacts: string
  /** Milliseconds since 1970. */
  readonly fetchedAt: number
}

export interface RosterCopies {
  /** null: there is none. */
  copyOf(user: BareJid): Promise<RosterCopy | null>
  /**
   * In place of the one before. Once resolved it survives the end of this process; after a power cut the newest may be
   * missing: the upstream is the authority, and a user who logs in must not wait for the disk.
   */
  saveCopy(user: BareJid, copy: RosterCopy): Promise<void>
}
