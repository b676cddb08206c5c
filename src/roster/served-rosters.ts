import { type BareJid, domainOf } from '../presence/jid.js'
import type { Contact, ContactJid } from './contact.js'
import { RecentRosters } from './recent-rosters.js'
import { printContacts, readContacts } from './roster-json.js'

/** Where the rosters of a domain come from. */
export interface RosterSource {
  /** Her contacts as they are printed (see roster-json.ts), the component not among them. */
  printed(user: BareJid): Promise<string>
  /** Where the source tells of every change, what it said last is served until it does. */
  onChange?(listener: (change: { readonly user: BareJid }) => void): void
}

export interface ServedRostersParts {
  readonly sources: ReadonlyMap<string, RosterSource>
  /** How much of what was served lately is kept in memory, so that who logs in does not wait for the database. */
  readonly recentBytes: number
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

/** What the server is given as the roster of a user: JSON. */
export class ServedRosters {
  readonly #parts: ServedRostersParts
  readonly #recent: RecentRosters
  /** Of all users, for who reads meanwhile. */
  #changes = 0
  /** For a user of whom nothing can be known. */
  readonly componentAlone: Buffer
  /** As it is printed. */
  readonly #component: string

  constructor(parts: ServedRostersParts) {
    this.#parts = parts
    this.#recent = new RecentRosters(parts.recentBytes)
    const { component } = parts
    this.#component = component ? printContacts(new Map([[component.jid, { name: component.name, groups: [] }]])) : ''
    this.componentAlone = utf8Of(`{${this.#component}}`)
    for (const source of new Set(parts.sources.values())) {
      source.onChange?.(({ user }) => {
        this.#changes++
        this.#recent.delete(user)
      })
    }
  }

  isServed(domain: string): boolean {
    return this.#parts.sources.has(domain)
  }

  /** Never fails: an error would end the session of who logs in. `isGiven`: false where it is only looked at. */
  of(user: BareJid, isGiven = true): Buffer | Promise<Buffer> {
    const recent = this.#recent.get(user)
    return recent === undefined ? this.#fetch(user, isGiven) : this.#serve(user, recent, isGiven)
  }

  async #fetch(user: BareJid, isGiven: boolean): Promise<Buffer> {
    const changes = this.#changes
    let answer = this.componentAlone
    try {
      const source = this.#parts.sources.get(domainOf(user))
      const printed = await source?.printed(user)
      if (printed) answer = this.#answer(printed)
      // What changed meanwhile is newer.
      if (source?.onChange && this.#changes === changes) this.#recent.set(user, answer)
    } catch (error) {
      this.#parts.failed(error)
    }
    return this.#serve(user, answer, isGiven)
  }

  #serve(user: BareJid, answer: Buffer, isGiven: boolean): Buffer {
    if (!isGiven) return answer
    const hidden = this.#parts.hidden(user)
    if (this.#component !== '') this.#parts.rostered(user)
    return hidden === undefined ? answer : this.#without(answer, hidden)
  }

  #answer(printed: string): Buffer {
    const { address } = this.#parts
    const contacts = address ? addressed(printed, address) : printed
    return utf8Of(`{${this.#component}${this.#component && ','}${contacts}}`)
  }

  #without(answer: Buffer, hidden: ReadonlySet<ContactJid>): Buffer {
    const roster = new Map(readContacts(answer.toString().slice(1, -1)))
    for (const jid of hidden) roster.delete(this.#parts.address?.(jid) ?? jid)
    return utf8Of(`{${printContacts(roster)}}`)
  }
}

function addressed(printed: string, address: (contact: ContactJid) => ContactJid): string {
  const roster = new Map<ContactJid, Contact>()
  for (const [jid, contact] of readContacts(printed)) roster.set(address(jid), contact)
  return printContacts(roster)
}

/** In memory of its own: shared with others it would be kept for as long as any of them. */
function utf8Of(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}
