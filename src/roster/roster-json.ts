import { type Contact, type ContactJid, parseContactJid, type Roster } from './contact.js'
import { readContact, toObject } from './contact-json.js'

/** Of one roster. */
export const MAX_CONTACTS = 10_000
const MAX_FAULTS = 100
// To look through a body that is made of them would take the time of everybody else.
const MAX_ENTRIES = 2 * MAX_CONTACTS
const MAX_ENTRY = 100

// Prosody takes such a contact out of the rosters that it keeps.
export const HERSELF = 'is the user herself'

const UNSAID: Contact = { name: null, groups: [] }

export interface RosterFault {
  /** The key of the contact as it is written, cut where it is long. */
  readonly entry: string
  readonly why: string
}

export interface ReadRoster {
  readonly roster: Roster
  /** At most 100 that say what, and one that counts the others. */
  readonly faults: readonly RosterFault[]
}

/**
 * The JSON of mod_http_roster_admin, `{"marie@example.com": {"name": "Marie", "groups": {"Friends": true}}, …}`, from
 * anybody. Entries that are no contacts are left out, as are the faulty parts of contacts; `faults` says which. Of
 * two spellings of one contact the first counts, and of a roster its first 10,000 contacts. `owner`: no contact in it.
 * null: no roster at all.
 */
export function readRoster(json: unknown, owner: ContactJid | null = null): ReadRoster | null {
  const entries = toObject(json)
  if (entries === null) return null
  const roster = new Map<ContactJid, Contact>()
  const faults: RosterFault[] = []
  let more = 0
  const fault = (entry: string, why: string) => {
    if (faults.length < MAX_FAULTS) faults.push({ entry: cut(entry), why })
    else more++
  }
  let seen = 0
  for (const entry in entries) {
    if (!Object.hasOwn(entries, entry)) continue
    if (++seen > MAX_ENTRIES) {
      fault('…', `there are more than ${MAX_ENTRIES} entries; what follows was not read`)
      break
    }
    const value = entries[entry]
    const jid = parseContactJid(entry)
    const read = readContact(value)
    if (jid === null) fault(entry, 'is no JID of a contact')
    else if (jid === owner) fault(entry, HERSELF)
    else if (read === null) fault(entry, 'is no object')
    else if (roster.has(jid)) fault(entry, 'is another spelling of a contact that is there')
    else if (roster.size >= MAX_CONTACTS) fault(entry, `is beyond the ${MAX_CONTACTS} contacts that a roster may have`)
    else {
      roster.set(jid, { ...UNSAID, ...read.said })
      for (const why of read.faults) fault(entry, why)
    }
  }
  if (more > 0) faults.push({ entry: '…', why: `and ${more} more` })
  return { roster, faults }
}

/** The JSON object without its braces, in the order of the roster; '' for an empty one. */
export function printContacts(roster: Roster): string {
  let printed = ''
  for (const [jid, { name, groups }] of roster) {
    // The module would take a null for a name.
    const named = name === null ? '' : `"name":${JSON.stringify(name)},`
    const inGroups = groups.map((group) => `${JSON.stringify(group)}:true`).join()
    printed += `${printed && ','}${JSON.stringify(jid)}:{${named}"groups":{${inGroups}}}`
  }
  return printed
}

/** What `printContacts` printed. Throws SyntaxError for what is no JSON. */
export function readContacts(printed: string): Roster {
  const entries: Record<string, { name?: string; groups: Record<string, true> }> = JSON.parse(`{${printed}}`)
  return new Map(
    Object.entries(entries).map(([jid, { name, groups }]) => [jid, { name: name ?? null, groups: namesIn(groups) }]),
  )
}

// JSON.parse puts names that are numbers first.
function namesIn(groups: Record<string, true>): readonly string[] {
  return Object.keys(groups).sort()
}

function cut(entry: string): string {
  return entry.length > MAX_ENTRY ? `${entry.slice(0, MAX_ENTRY).toWellFormed()}…` : entry
}
