import * as z from 'zod'
import { ControlFault } from '../ops/control-server.js'
import type { Domains } from '../presence/domains.js'
import { type BareJid, normaliseDomain, parseUserInput } from '../presence/jid.js'
import type { ContactJid, Roster } from '../roster/contact.js'
import { readRoster } from '../roster/roster-json.js'
import { type Edited, type Rosters, TooManyContacts } from '../roster/rosters.js'
import { readCommand } from './read-command.js'

export interface RosterControlParts {
  readonly rosters: Rosters
  readonly domains: Domains
  readonly isKeptHere: (domain: string) => boolean
  /** Not kept: it is in every roster by itself. */
  readonly component: ContactJid | null
}

const IMPORT = z.object({
  /** Of each user at most once. */
  rosters: z.array(z.object({ user: z.string(), contacts: z.unknown(), replace: z.boolean() })),
})
const EXPORT = z.object({ domain: z.string(), after: z.string() })
// Of one answer; one more roster than fits is in it.
const PAGE_CHARACTERS = 1024 * 1024
const PAGE_USERS = 500

export interface ImportFault {
  readonly user: string
  /** null: nothing of hers was taken. */
  readonly contact: string | null
  readonly why: string
}

export interface ImportAnswer {
  /** Users whose rosters are now as they were said, but for the faults. */
  readonly users: number
  readonly contacts: number
  readonly faults: readonly ImportFault[]
}

export interface ExportAnswer {
  /** The rosters as they are printed (see roster-json.ts), without the component. */
  readonly rosters: readonly { readonly user: string; readonly printed: string }[]
  /** What to ask after next; null: that was all. */
  readonly next: string | null
}

/** Import and export, for the command line. */
export class RosterControl {
  readonly #parts: RosterControlParts

  constructor(parts: RosterControlParts) {
    this.#parts = parts
  }

  /** All in one transaction. What is faulty is left out, and said. */
  async import(body: unknown): Promise<ImportAnswer> {
    const faults: ImportFault[] = []
    const read = new Map<BareJid, { roster: Roster; replace: boolean }>()
    let contacts = 0
    for (const { user, contacts: json, replace } of readCommand(IMPORT, body).rosters) {
      const jid = this.#user(user)
      const said = readRoster(json, typeof jid === 'string' ? jid : null)
      if (typeof jid !== 'string') faults.push({ user, contact: null, why: jid.why })
      else if (!said) faults.push({ user, contact: null, why: 'is no object of contacts by JID' })
      else {
        faults.push(...said.faults.map(({ entry, why }) => ({ user, contact: entry, why })))
        const roster = new Map([...said.roster].filter(([contact]) => contact !== this.#parts.component))
        read.set(jid, { roster, replace })
        contacts += roster.size
      }
    }
    const edit = (before: Edited): Edited =>
      new Map(
        [...read].map(([user, { roster, replace }]) => [user, replace ? roster : merged(before.get(user), roster)]),
      )
    try {
      await this.#parts.rosters.edit([...read.keys()], edit)
    } catch (error) {
      if (error instanceof TooManyContacts) throw new ControlFault(error.message)
      throw error
    }
    return { users: read.size, contacts, faults }
  }

  async export(body: unknown): Promise<ExportAnswer> {
    const { domain: name, after } = readCommand(EXPORT, body)
    const domain = normaliseDomain(name)
    if (domain === null || !this.#parts.domains.has(domain)) {
      throw new ControlFault(`${name} is not among the configured domains`)
    }
    const users = await this.#parts.rosters.users(domain, after, PAGE_USERS)
    const rosters: { user: string; printed: string }[] = []
    let characters = 0
    for (const user of users) {
      if (characters >= PAGE_CHARACTERS) break
      const printed = await this.#parts.rosters.printed(user)
      characters += printed.length
      rosters.push({ user, printed })
    }
    const all = users.length < PAGE_USERS && rosters.length === users.length
    return { rosters, next: all ? null : (rosters.at(-1)?.user.slice(0, -domain.length - 1) ?? null) }
  }

  #user(text: string): BareJid | { why: string } {
    const parsed = parseUserInput(text)
    if (parsed.fault !== undefined) return { why: "is no user's JID" }
    if (!this.#parts.domains.has(parsed.domain)) return { why: `${parsed.domain} is not among the configured domains` }
    if (!this.#parts.isKeptHere(parsed.domain)) return { why: `the rosters of ${parsed.domain} come from its upstream` }
    return parsed.jid
  }
}

function merged(before: Roster | undefined, roster: Roster): Roster {
  return new Map([...(before ?? []), ...roster])
}
