import type { Domains } from '../presence/domains.js'
import type { BareJid } from '../presence/jid.js'
import { type Contact, type ContactJid, NO_CONTACTS, type Roster } from '../roster/contact.js'
import { type PushedRoster, printPushed, readPushed } from '../roster/pushed-roster.js'
import { printContacts, readContacts } from '../roster/roster-json.js'
import type { RosterPushStore } from '../roster/roster-push-store.js'
import type { RosterStore } from '../roster/roster-store.js'
import { difference } from '../roster/rosters.js'
import type { IqAnswer, Link } from './link.js'
import { isNoAccount, rosterGet, rosterSet } from './roster-privilege.js'
import { whyNot } from './server-identity.js'

export interface RosterPushParts {
  readonly link: Link
  readonly domains: Domains
  /** Those that the server's shall be like. */
  readonly rosters: RosterStore
  readonly store: RosterPushStore
  /** Added to every roster; null: nobody is. */
  readonly component: { readonly jid: ContactJid; readonly contact: Contact } | null
  /** Her roster has the component now. */
  readonly rostered: (user: BareJid) => void
  /** The server takes everything but this contact of hers. */
  readonly refused: (user: BareJid, contact: ContactJid, why: string) => void
}

export type PushOutcome =
  /** The server was told everything. */
  | 'told'
  /** The server has no such account. */
  | 'absent'
  | 'link-down'
  | { readonly failed: string }

// RFC 6120 §8.3.3: what lies in the contact, and would be answered again.
const REFUSALS = new Set(['bad-request', 'jid-malformed', 'not-acceptable', 'not-allowed'])

/** Whether the server has been told everything of her roster. */
export async function isTold(parts: RosterPushParts, user: BareJid): Promise<boolean> {
  const { rosters, store, component } = parts
  const [own, pushed] = await Promise.all([rosters.printed(user), store.pushed(user)])
  // Printed alike, as almost always, nothing need be read.
  const all = [component ? printContacts(new Map([[component.jid, component.contact]])) : '', own]
  if (all.filter((part) => part !== '').join() === pushed) return true
  return toTell(user, readPushed(pushed), wanted(parts, own)).length === 0
}

/**
 * Tells the server what it has not been told of her roster. Contacts that she has by herself stay. What was told is stored;
 * what is about to be said is stored as unsure before, so that after whatever end it is told again, or taken back.
 * `anew`: all of it is told again, as to a server that lost it. Rejects where it cannot be stored.
 */
export async function pushRoster(parts: RosterPushParts, user: BareJid, anew: boolean): Promise<PushOutcome> {
  const { store, component } = parts
  const roster = wanted(parts, await parts.rosters.printed(user))
  const pushed = readPushed(await store.pushed(user))
  const before = anew ? { told: NO_CONTACTS, unsure: new Set([...pushed.told.keys(), ...pushed.unsure]) } : pushed
  const steps = toTell(user, before, roster)
  if (steps.length === 0) return 'told'
  const unsure = new Set(steps)
  const unsaid = new Set<ContactJid>()
  const save = () => {
    const told = new Map([...roster].filter(([jid]) => !unsure.has(jid) && !unsaid.has(jid)))
    return store.savePushed(user, printPushed({ told, unsure }))
  }
  await save()
  let outcome: PushOutcome = 'told'
  for (const jid of steps) {
    const contact = roster.get(jid) ?? null
    const said = await tell(parts, user, jid, contact)
    outcome = said === 'refused' ? 'told' : said
    if (outcome !== 'told') break
    unsure.delete(jid)
    if (said === 'told' && contact && jid === component?.jid) parts.rostered(user)
  }
  // What was certainly not said may become her own, and is not ours to take away then.
  const failed = steps.findIndex((jid) => unsure.has(jid))
  if (failed >= 0) {
    for (const jid of steps.slice(outcome === 'absent' ? failed : failed + 1)) {
      if (before.told.has(jid) || before.unsure.has(jid)) continue
      unsure.delete(jid)
      unsaid.add(jid)
    }
  }
  await save()
  return outcome
}

function wanted({ component }: RosterPushParts, printed: string): Roster {
  const own = readContacts(printed)
  return component ? new Map([[component.jid, component.contact], ...own, [component.jid, component.contact]]) : own
}

/** Whom to take away, then whom to put there. */
function toTell(user: BareJid, { told, unsure }: PushedRoster, roster: Roster): ContactJid[] {
  const change = difference(user, told, roster)
  const dropped = [...unsure].filter((jid) => !roster.has(jid))
  return [...dropped, ...(change?.removed ?? []), ...(change?.added ?? []), ...(change?.altered ?? [])]
}

async function tell(
  parts: RosterPushParts,
  user: BareJid,
  jid: ContactJid,
  contact: Contact | null,
): Promise<PushOutcome | 'refused'> {
  const { link, domains, refused } = parts
  const to = domains.address(user)
  // Contacts of served domains are called as their server calls them.
  const answer = await link.request(to, 'set', rosterSet(domains.address(jid as BareJid), contact))
  if (answer.kind === 'result') return 'told'
  if (answer.kind === 'link-down') return 'link-down'
  if (answer.kind === 'error' && REFUSALS.has(answer.condition)) {
    refused(user, jid, answer.condition)
    return 'refused'
  }
  if (!contact && isNoContact(answer)) return 'told'
  if (isNoAccount(answer)) return 'absent'
  // Prosody's mod_privilege says nothing where it cannot make a JID of it.
  if (answer.kind === 'timeout' && (await link.request(to, 'get', rosterGet())).kind === 'result') {
    refused(user, jid, 'the server answers nothing')
    return 'refused'
  }
  return { failed: whyNot(answer) }
}

/** She has taken it out herself (RFC 6121 §2.5.3). */
function isNoContact(answer: IqAnswer): boolean {
  return answer.kind === 'error' && answer.condition === 'item-not-found'
}
