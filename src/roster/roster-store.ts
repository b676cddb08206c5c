import type { BareJid } from '../presence/jid.js'

/** Rosters as they are printed (see roster-json.ts), one a user. */
export interface RosterStore {
  /** '': she has none. */
  printed(user: BareJid): Promise<string>
  /** All of them or none; once resolved they survive a power cut. '' takes a roster away. */
  save(printed: ReadonlyMap<BareJid, string>): Promise<void>
  /** Those of the domain who have one, by name in the order of its bytes, after that name. */
  users(domain: string, after: string, limit: number): Promise<readonly BareJid[]>
}
