import { type BareJid, domainOf } from '../presence/jid.js'
import type { ContactJid, Roster } from './contact.js'
import { printContacts, readContacts } from './roster-json.js'

/** Where the rosters of a domain come from. */
export interface RosterSource {
  /** Her contacts as they are printed (see roster-json.ts), the component not among them. */
  printed(user: BareJid): string | Promise<string>
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

  constructor(parts: ServedRostersParts) {
    this.#parts = parts
    const { component } = parts
    const printed = component && printContacts(new Map([[component.jid, { name: component.name, groups: [] }]]))
    this.#component = printed ?? ''
  }

  isServed(domain: string): boolean {
    return this.#parts.sources.has(domain)
  }

  /** Never fails: an error would end the session of who logs in. */
  of(user: BareJid): string | Promise<string> {
    try {
      const printed = this.#parts.sources.get(domainOf(user))?.printed(user) ?? ''
      if (typeof printed === 'string') return this.#serve(user, printed)
      return printed.then(
        (own) => this.#serve(user, own),
        (error: unknown) => this.#serveNothing(user, error),
      )
    } catch (error) {
      return this.#serveNothing(user, error)
    }
  }

  /** For a user of whom nothing can be known. */
  get componentAlone(): string {
    return `{${this.#component}}`
  }

  #serve(user: BareJid, printed: string): string {
    const { hidden, rostered, component } = this.#parts
    const hides = hidden(user)
    const own = hides ? printContacts(without(readContacts(printed), hides)) : printed
    if (component) rostered(user)
    return own === '' ? this.componentAlone : component ? `{${this.#component},${own}}` : `{${own}}`
  }

  #serveNothing(user: BareJid, error: unknown): string {
    this.#parts.failed(error)
    return this.#serve(user, '')
  }
}

function without(roster: Roster, hidden: ReadonlySet<ContactJid>): Roster {
  return new Map([...roster].filter(([jid]) => !hidden.has(jid)))
}
