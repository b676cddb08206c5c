import { xml } from '@xmpp/component'
import type { Domains } from '../presence/domains.js'
import { type BareJid, domainOf, parseStanzaJid, sameAddress } from '../presence/jid.js'
import type { IqAnswer, Link } from './link.js'
import { iqResult, NS, presence } from './stanzas.js'
import type { XmlElement } from './xml-element.js'

interface Contact {
  /** As the server spells it. */
  readonly address: string
  /** We may see her (RFC 6121 §2.1.2.5: `to` or `both`). */
  readonly sees: boolean
  /** She was asked, and has not answered. */
  readonly asked: boolean
}

export interface RosterLink extends Pick<Link, 'online' | 'request' | 'send'> {
  /** While it lasts, a stanza may be as long as a roster. */
  awaitRoster(awaited: boolean): void
}

export interface RosterCounts {
  /** Who may be seen. */
  readonly seen: number
  /** Who was asked and has not answered. */
  readonly asked: number
  /** Who may be seen, of no served domain. */
  readonly unserved: number
}

export interface AccountRosterHandler {
  /** Her presence may be taken in from now on. */
  granted(user: BareJid): void
  /** Nothing of her may be kept. */
  withdrawn(user: BareJid): void
}

const ROSTER_MS = 30_000

/** The account's roster, which its server keeps: who may be seen (RFC 6121 §2, §3). */
export class AccountRoster {
  readonly #link: RosterLink
  /** `local@domain` as configured. */
  readonly #account: string
  readonly #domains: Domains
  readonly #handler: AccountRosterHandler
  #contacts = new Map<BareJid, Contact>()
  #isLoaded = false
  /** Pushed since the roster was asked for: newer than what the answer may say. */
  #late: XmlElement[] | null = null

  constructor(link: RosterLink, account: string, domains: Domains, handler: AccountRosterHandler) {
    this.#link = link
    this.#account = account
    this.#domains = domains
    this.#handler = handler
  }

  has(user: BareJid): boolean {
    return this.#contacts.get(user)?.sees === true
  }

  /** Who was asked to be seen may look back. */
  mayWatch(user: BareJid): boolean {
    const contact = this.#contacts.get(user)
    return contact !== undefined && (contact.sees || contact.asked)
  }

  /** Everybody who may be seen. */
  *seen(): Generator<BareJid> {
    for (const [user, { sees }] of this.#contacts) if (sees) yield user
  }

  /** As the server writes her. */
  address(user: BareJid): string {
    return this.#contacts.get(user)?.address ?? this.#domains.address(user)
  }

  count(): RosterCounts {
    const contacts = [...this.#contacts]
    const seen = contacts.filter(([, { sees }]) => sees)
    return {
      seen: seen.length,
      asked: contacts.filter(([, { sees, asked }]) => asked && !sees).length,
      unserved: seen.filter(([user]) => !this.#domains.has(domainOf(user))).length,
    }
  }

  /** Asks the server for all of it, in the place of what was known; null, or why it did not come. */
  async load(): Promise<string | null> {
    this.#link.awaitRoster(true)
    this.#late = []
    const answer = await this.#link.request(this.#account, 'get', xml('query', { xmlns: NS.roster }), ROSTER_MS)
    this.#link.awaitRoster(false)
    const late = this.#late
    this.#late = null
    if (answer.kind !== 'result') return whyNot(answer)
    const contacts = new Map<BareJid, Contact>()
    for (const item of answer.payload?.children ?? []) {
      const user = userOf(item)
      if (user) contacts.set(user, contactOf(item))
    }
    this.#contacts = contacts
    this.#isLoaded = true
    for (const item of late) this.#take(item)
    return null
  }

  /** A roster push; false: it is none, or not from our own server (RFC 6121 §2.1.6). */
  pushed(iq: XmlElement): boolean {
    const query = iq.children[0]
    const { from, type } = iq.attrs
    if (type !== 'set' || query?.name !== 'query' || query.ns !== NS.roster || !this.#isOurs(from)) return false
    for (const item of query.children) {
      this.#late?.push(item)
      this.#take(item)
    }
    this.#link.send(iqResult(iq))
    return true
  }

  /** Asks her to be seen. Throws where the server does not take it, or is not there. */
  async ask(user: BareJid): Promise<'asked' | 'granted'> {
    if (this.has(user)) return 'granted'
    this.#demandLoaded()
    // What is sent now would be dropped, and the server keeps nothing of a request that it never got.
    if (!this.#link.online) throw new Error(whyNot({ kind: 'link-down' }))
    const jid = this.address(user)
    // Of somebody who is there already this would overwrite name and groups.
    if (!this.#contacts.has(user)) await this.#set({ jid })
    this.#link.send(presence(jid, 'subscribe'))
    return 'asked'
  }

  /** Takes her out of the roster, and so both ways. false: she is not in it. */
  async remove(user: BareJid): Promise<boolean> {
    this.#demandLoaded()
    if (!this.#contacts.has(user)) return false
    await this.#set({ jid: this.address(user), subscription: 'remove' })
    this.#forget(user)
    return true
  }

  #demandLoaded(): void {
    if (!this.#isLoaded) throw new Error('the roster has not come yet: try again')
  }

  async #set(item: Record<string, string>): Promise<void> {
    const query = xml('query', { xmlns: NS.roster }, xml('item', item))
    const answer = await this.#link.request(this.#account, 'set', query)
    if (answer.kind !== 'result') throw new Error(whyNot(answer))
  }

  #isOurs(from: string | undefined): boolean {
    return from === undefined || sameAddress(from, this.#account)
  }

  #take(item: XmlElement): void {
    const user = userOf(item)
    if (!user) return
    if (item.attrs.subscription === 'remove') return this.#forget(user)
    const before = this.has(user)
    this.#contacts.set(user, contactOf(item))
    const after = this.has(user)
    if (after && !before) this.#handler.granted(user)
    if (before && !after) this.#handler.withdrawn(user)
  }

  #forget(user: BareJid): void {
    const before = this.has(user)
    this.#contacts.delete(user)
    if (before) this.#handler.withdrawn(user)
  }
}

/** null: a transport, a server, or what is no JID. */
function userOf(item: XmlElement): BareJid | null {
  const jid = item.name === 'item' ? parseStanzaJid(item.attrs.jid ?? '') : null
  return jid?.resource === null ? jid.bare : null
}

function contactOf({ attrs }: XmlElement): Contact {
  const { jid = '', subscription, ask } = attrs
  const sees = subscription === 'to' || subscription === 'both'
  return { address: jid, sees, asked: ask === 'subscribe' }
}

function whyNot(answer: Exclude<IqAnswer, { kind: 'result' }>): string {
  switch (answer.kind) {
    case 'error':
      return `the server refuses it: ${answer.condition}`
    case 'timeout':
      return 'the server does not answer'
    case 'link-down':
      return 'the link to the XMPP server is not up: try again when it is'
  }
}
