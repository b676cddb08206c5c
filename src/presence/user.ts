import type { DomainUsers } from './domain-users.js'
import { type Mark, NEVER } from './eras.js'
import type { BareJid } from './jid.js'
import type { AvailableShow } from './presence.js'
import type { Resource } from './resource.js'

/** One user on the board. Plain fields, since there are millions. */
export interface User {
  readonly jid: BareJid
  readonly domain: DomainUsers
  resources: Resource | null
  /** What the world sees of her: the winner's, or since when she is gone, and her parting words. */
  show: AvailableShow | 'offline'
  text: string | null
  since: number | null
  covered: Mark
  /** The batch in which she was stored last, 0: none. */
  batch: number
}

/** Nobody has seen her yet. */
export function newUser(jid: BareJid, domain: DomainUsers): User {
  return { jid, domain, resources: null, show: 'offline', text: null, since: null, covered: NEVER, batch: 0 }
}
