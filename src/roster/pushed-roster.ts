import type { ContactJid, Roster } from './contact.js'
import { printContacts, readContacts } from './roster-json.js'

/** What a server was told of one user's roster, contact by contact. */
export interface PushedRoster {
  readonly told: Roster
  /** What we were about to say, or to take back, when it was stored: only the server knows. */
  readonly unsure: ReadonlySet<ContactJid>
}

/** As contacts are printed, with null for each that is unsure. */
export function printPushed({ told, unsure }: PushedRoster): string {
  const nulls = [...unsure].map((jid) => `${JSON.stringify(jid)}:null`)
  return [printContacts(told), ...nulls].filter((part) => part !== '').join()
}

export function readPushed(printed: string): PushedRoster {
  // Mostly all is settled.
  if (!printed.includes(':null')) return { told: readContacts(printed), unsure: new Set() }
  const entries = Object.entries<unknown>(JSON.parse(`{${printed}}`))
  const told = JSON.stringify(Object.fromEntries(entries.filter(([, contact]) => contact !== null)))
  return {
    told: readContacts(told.slice(1, -1)),
    unsure: new Set(entries.flatMap(([jid, contact]) => (contact === null ? [jid] : []))),
  }
}
