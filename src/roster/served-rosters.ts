import { type BareJid, domainOf } from '../presence/jid.js'
import type { Contact, ContactJid } from './contact.js'
import { measured, type Printed } from './printed.js'
import { printContacts, readContacts } from './roster-json.js'

/** Where the rosters of a domain come from. */
export interface RosterSource {
  /** Her contacts as they are printed (see roster-json.ts), the component not among them. */
  printed(user: BareJid): Printed | Promise<Printed>
}

export interface ServedRostersParts {
  readonly sources: ReadonlyMap<string, RosterSource>
  /** Added to every roster; null: nobody is. */
  readonly component: { readonly jid: ContactJid; readonly name: string } | null
  /** What is left out for the moment. */
  readonly hidden: (user: BareJid) => ReadonlySet<ContactJid> | undefined
  /** She was given a roster with the component in it. */
  readonly rostered: (user: BareJid) => void
  /** A contact as her own server calls her; null: every key is that already. */
  readonly address: ((contact: ContactJid) => ContactJid) | null
  /** A source failed, which none should. */
  readonly failed: (error: unknown) => void
}

/** What the server is given as the roster of a user. */
export class ServedRosters {
  readonly #parts: ServedRostersParts
  /** For a user of whom nothing can be known. */
  readonly componentAlone: Printed
  /** What comes before a user's own contacts. */
  readonly #begin: string
  readonly #beginBytes: number

  constructor(parts: ServedRostersParts) {
    this.#parts = parts
    const { component } = parts
    const printed = component ? printContacts(new Map([[component.jid, { name: component.name, groups: [] }]])) : ''
    this.componentAlone = measured(`{${printed}}`)
    this.#begin = `{${printed}${printed && ','}`
    this.#beginBytes = Buffer.byteLength(this.#begin)
  }

  isServed(domain: string): boolean {
    return this.#parts.sources.has(domain)
  }

  /** Never fails: an error would end the session of who logs in. `isGiven`: false where it is only looked at. */
  of(user: BareJid, isGiven = true): Printed | Promise<Printed> {
    try {
      const printed = this.#parts.sources.get(domainOf(user))?.printed(user) ?? NONE
      if (!(printed instanceof Promise)) return this.#serve(user, printed, isGiven)
      return printed.then(
        (own) => this.#serve(user, own, isGiven),
        (error: unknown) => this.#serveNothing(user, error, isGiven),
      )
    } catch (error) {
      return this.#serveNothing(user, error, isGiven)
    }
  }

  #serve(user: BareJid, printed: Printed, isGiven: boolean): Printed {
    const { hidden, rostered, component, address } = this.#parts
    const hides = isGiven ? hidden(user) : undefined
    const { text, bytes } = hides || address ? rewritten(printed, hides, address) : printed
    if (component && isGiven) rostered(user)
    if (bytes === 0) return this.componentAlone
    return { text: `${this.#begin}${text}}`, bytes: this.#beginBytes + bytes + 1 }
  }

  #serveNothing(user: BareJid, error: unknown, isGiven: boolean): Printed {
    this.#parts.failed(error)
    return this.#serve(user, NONE, isGiven)
  }
}

const NONE: Printed = { text: '', bytes: 0 }

function rewritten(
  { text }: Printed,
  hidden: ReadonlySet<ContactJid> = new Set(),
  address: ServedRostersParts['address'],
): Printed {
  const roster = new Map<ContactJid, Contact>()
  for (const [jid, contact] of readContacts(text)) if (!hidden.has(jid)) roster.set(address?.(jid) ?? jid, contact)
  return measured(printContacts(roster))
}
