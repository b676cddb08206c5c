import { type BareJid, domainOf } from '../presence/jid.js'
import type { ContactJid, Roster } from './contact.js'
import { printContacts, readContacts } from './roster-json.js'

/** Where the rosters of a domain come from. */
export interface RosterSource {
  /** Her contacts as they are printed (see roster-json.ts). */
  printed(user: BareJid): Promise<string>
}

export interface ServedRostersParts {
  readonly sources: ReadonlyMap<string, RosterSource>
  /** Added to every roster; null: nobody is. */
  readonly component: { readonly jid: ContactJid; readonly name: string } | null
  /** What is left out for the moment. */
  readonly hidden: (user: BareJid) => ReadonlySet<ContactJid> | undefined
  /** She was given a roster with the component in it. */
  readonly rostered: (user: BareJid) => void
  /** A source failed, which none should. */
  readonly failed: (error: unknown) => void
}

/** What the server is given as the roster of a user. */
export class ServedRosters {
  readonly #parts: ServedRostersParts
  /** `"presence.example.org":{…}` */
  readonly #component: string
  readonly #componentKey: string

  constructor(parts: ServedRostersParts) {
    this.#parts = parts
    const { component } = parts
    const printed = component && printContacts(new Map([[component.jid, { name: component.name, groups: [] }]]))
    this.#component = printed ?? ''
    this.#componentKey = component ? `${JSON.stringify(component.jid)}:` : ''
  }

  isServed(domain: string): boolean {
    return this.#parts.sources.has(domain)
  }

  /** Never rejects: an error would end the session of who logs in. */
  async of(user: BareJid): Promise<string> {
    const { sources, hidden, rostered, failed, component } = this.#parts
    let own = ''
    try {
      own = (await sources.get(domainOf(user))?.printed(user)) ?? ''
    } catch (error) {
      failed(error)
    }
    const hides = hidden(user)
    if (hides || (component && own.includes(this.#componentKey))) {
      own = printContacts(without(readContacts(own), hides, component?.jid))
    }
    if (component) rostered(user)
    return this.componentAlone === '{}' ? `{${own}}` : own === '' ? this.componentAlone : `{${this.#component},${own}}`
  }

  /** For a user of whom nothing can be known. */
  get componentAlone(): string {
    return `{${this.#component}}`
  }
}

function without(roster: Roster, hidden: ReadonlySet<ContactJid> = new Set(), component?: ContactJid): Roster {
  return new Map([...roster].filter(([jid]) => jid !== component && !hidden.has(jid)))
}
