import type { BareJid } from '../presence/jid.js'

/** What servers were told of users' rosters, as it is printed (see pushed-roster.ts), one a user. */
export interface RosterPushStore {
  /** '': nothing. */
  pushed(user: BareJid): Promise<string>
  /**
   * Once resolved it survives the end of this process. After a power cut the newest may be missing: what the server was told
   * since is told again.
   */
  savePushed(user: BareJid, printed: string): Promise<void>
  /** Those of whom anything was said, in the order of their bytes, after that one. */
  pushedUsers(after: string, limit: number): Promise<readonly BareJid[]>
}
