import type { BareJid } from '../../src/presence/jid.js'
import type { ResourcePresence } from '../../src/presence/presence.js'

/** A key as the code under test would have made it; for tests that are not about JIDs. */
export function jid(text: string): BareJid {
  return text as BareJid
}

/** A plain available presence, but for what is said otherwise. */
export function presence(said: Partial<ResourcePresence> = {}): ResourcePresence {
  return { show: 'online', text: null, priority: 0, stampedAt: null, idleSince: null, ...said }
}
