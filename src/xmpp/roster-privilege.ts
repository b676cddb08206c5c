import { type Element, xml } from '@xmpp/component'
import type { Contact, ContactJid } from '../roster/contact.js'
import type { IqAnswer, Link } from './link.js'
import { whyNot } from './server-identity.js'
import { NS } from './stanzas.js'

/** XEP-0356 §5: what goes to a bare JID as a roster set for her. One item each, as in RFC 6121; null takes it away. */
export function rosterSet(jid: ContactJid, contact: Contact | null): Element {
  if (!contact) return query(xml('item', { jid, subscription: 'remove' }))
  const groups = contact.groups.map((group) => xml('group', {}, group))
  return query(xml('item', { jid, name: contact.name ?? undefined, subscription: 'both' }, ...groups))
}

export function rosterGet(): Element {
  return query()
}

function query(...items: Element[]): Element {
  return xml('query', { xmlns: NS.roster }, ...items)
}

/** Nobody's account. */
const NOBODY = 'presence-gateway-check'

/**
 * Finds out whether the server lets us write rosters of the host, by taking a contact that nobody has from an account that
 * nobody has: whoever may not is refused before that is looked at. null: it does; else why not, for the admin.
 */
export async function proveRosterPrivilege(link: Link, host: string, timeoutMs?: number): Promise<string | null> {
  const answer = await link.request(`${NOBODY}@${host}`, 'set', rosterSet(`${NOBODY}.invalid`, null), timeoutMs)
  return answer.kind === 'result' || isNoAccount(answer) ? null : whyNot(answer)
}

/** How servers say that there is no such account (RFC 6121 §8.5.1), or that it has no such contact. */
export function isNoAccount(answer: IqAnswer): boolean {
  return (
    answer.kind === 'error' && (answer.condition === 'service-unavailable' || answer.condition === 'item-not-found')
  )
}
