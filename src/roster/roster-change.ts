import type { BareJid } from '../presence/jid.js'
import type { ContactJid } from './contact.js'

/** One user's roster turned into another; what she sees must follow. None of the lists has anything in common. */
export interface RosterChange {
  readonly user: BareJid
  readonly added: readonly ContactJid[]
  /** Another name or other groups. */
  readonly altered: readonly ContactJid[]
  readonly removed: readonly ContactJid[]
}
