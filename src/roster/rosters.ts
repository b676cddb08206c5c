import type { BareJid } from '../presence/jid.js'
import { OneAtATime } from '../presence/one-at-a-time.js'
import type { Contact, ContactJid, Roster } from './contact.js'
import type { RosterChange } from './roster-change.js'
import { MAX_CONTACTS, printContacts, readContacts } from './roster-json.js'
import type { RosterStore } from './roster-store.js'

/** A roster would become larger than one may be. */
export class TooManyContacts extends Error {
  override readonly name = 'TooManyContacts'
}

/** What an edit makes of the rosters that it was given; those that it leaves out stay. */
export type Edited = ReadonlyMap<BareJid, Roster>

/** The rosters that are kept here. */
export class Rosters {
  readonly #store: RosterStore
  readonly #listeners = new Set<(change: RosterChange) => void>()
  readonly #component: ContactJid | null
  /** One edit at a time: each reads what the one before it wrote. */
  readonly #line = new OneAtATime()

  /** `component`: no contact, whatever is stored: it is in every roster by itself. */
  constructor(store: RosterStore, component: ContactJid | null = null) {
    this.#store = store
    this.#component = component
  }

  /** Called for each roster that changed, once that is stored, until the returned function is called. Must not throw. */
  onChange(listener: (change: RosterChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async contacts(user: BareJid): Promise<Roster> {
    return readContacts(await this.printed(user))
  }

  /** As the store has it, for who only passes it on. */
  async printed(user: BareJid): Promise<string> {
    return this.#withoutComponent(await this.#store.printed(user))
  }

  users(domain: string, after: string, limit: number): Promise<readonly BareJid[]> {
    return this.#store.users(domain, after, limit)
  }

  /** Stores what `edit` returns, all of it or none; rejects as `edit` throws, with TooManyContacts, or where it cannot be stored. */
  edit(users: readonly BareJid[], edit: (rosters: Edited) => Edited): Promise<void> {
    return this.#line.run(() => this.#edit(users, edit))
  }

  /** Puts one contact there, or with null takes it away. Resolves with whether there was one before. */
  async setContact(
    user: BareJid,
    jid: ContactJid,
    change: (before: Contact | null) => Contact | null,
  ): Promise<boolean> {
    let existed = false
    await this.edit([user], (rosters) => {
      const roster = new Map(rosters.get(user))
      const before = roster.get(jid) ?? null
      existed = before !== null
      const after = change(before)
      if (after) roster.set(jid, after)
      else roster.delete(jid)
      return new Map([[user, roster]])
    })
    return existed
  }

  #withoutComponent(printed: string): string {
    const jid = this.#component
    if (jid === null || !printed.includes(`${JSON.stringify(jid)}:`)) return printed
    const roster = new Map(readContacts(printed))
    roster.delete(jid)
    return printContacts(roster)
  }

  async #edit(users: readonly BareJid[], edit: (rosters: Edited) => Edited): Promise<void> {
    const before = new Map<BareJid, Roster>()
    for (const user of new Set(users)) {
      before.set(user, readContacts(await this.printed(user)))
    }
    const changes: RosterChange[] = []
    const printed = new Map<BareJid, string>()
    for (const [user, roster] of edit(before)) {
      const change = difference(user, before.get(user) ?? new Map(), roster)
      if (!change) continue
      if (roster.size > MAX_CONTACTS && change.added.length > 0) {
        throw new TooManyContacts(`${user} would have more than ${MAX_CONTACTS} contacts`)
      }
      changes.push(change)
      printed.set(user, printContacts(roster))
    }
    if (changes.length === 0) return
    await this.#store.save(printed)
    for (const change of changes) for (const listener of this.#listeners) listener(change)
  }
}

/** null: they are the same. */
export function difference(user: BareJid, before: Roster, after: Roster): RosterChange | null {
  const added: ContactJid[] = []
  const altered: ContactJid[] = []
  for (const [jid, contact] of after) {
    const old = before.get(jid)
    if (!old) added.push(jid)
    else if (!isSame(old, contact)) altered.push(jid)
  }
  const removed = [...before.keys()].filter((jid) => !after.has(jid))
  return added.length + altered.length + removed.length > 0 ? { user, added, altered, removed } : null
}

function isSame(a: Contact, b: Contact): boolean {
  if (a.name !== b.name || a.groups.length !== b.groups.length) return false
  const groups = new Set(a.groups)
  return b.groups.every((group) => groups.has(group))
}
