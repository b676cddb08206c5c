import { normaliseDomain, parseUserInput } from '../presence/jid.js'

/** A bare JID, of a user anywhere, or of a whole domain with a dot in it (a component, a gateway to another network). */
export type ContactJid = string

/** RFC 6121 §2.1, as far as an admin decides it. */
export interface Contact {
  /** null: her client shows the JID. */
  readonly name: string | null
  /** Without repetition, in no order of meaning. */
  readonly groups: readonly string[]
}

export type Roster = ReadonlyMap<ContactJid, Contact>

export const NO_CONTACTS: Roster = new Map()

/** As somebody wrote it, turned into the key of the contact; null if it is none: malformed, ambiguous, or with a resource. */
export function parseContactJid(text: string): ContactJid | null {
  if (!text.includes('@')) {
    const domain = normaliseDomain(text)
    // {"error": …}, {"contacts": …} are no rosters, and Prosody means something else by a contact "pending".
    return domain?.includes('.') ? domain : null
  }
  const parsed = parseUserInput(text)
  return parsed.fault === undefined ? parsed.jid : null
}
