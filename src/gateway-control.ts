import * as z from 'zod'
import type { Forgotten } from './accounts/forgotten.js'
import { ControlFault, type ControlHandler } from './ops/control-server.js'
import type { Domains } from './presence/domains.js'
import { type BareJid, domainOf, parseUserInput } from './presence/jid.js'
import type { UserPresence } from './presence/presence.js'
import type { PresenceBoard } from './presence/presence-board.js'
import { PUBLICATION_CHOICES, type Publications } from './presence/publication.js'
import type { RosterControl } from './roster-control.js'
import { explainStorage } from './storage/database.js'
import type { AccountRoster, RosterCounts } from './xmpp/account-roster.js'
import type { Link } from './xmpp/link.js'
import type { Server } from './xmpp/server-identity.js'
import type { SubscriptionSource } from './xmpp/subscription-source.js'

export interface DomainReport {
  readonly domain: string
  /** null: the server has not said. */
  readonly server: Server | null
  readonly privileged: boolean
  /** Users who let us see them. */
  readonly subscribed: number
  /** Users whom we see because their rosters have us. */
  readonly rostered: number
  /** Whether we may write rosters, and what is wrong with it, as it was just tried; null: we may not. */
  readonly rosterPrivilege: { readonly fault: string | null } | null
}

/** Of a plain account. */
export interface AccountReport extends RosterCounts {
  /** By TLS. */
  readonly encrypted: boolean
}

export interface SideReport {
  /** null: it is a component. */
  readonly account: AccountReport | null
  /** What it is the component for. */
  readonly domains: readonly DomainReport[]
  /** null when it is not configured. */
  readonly ejabberdApi: { readonly error: string | null } | null
}

/** How the gateway stands, for `check`. */
export interface GatewayReport extends SideReport {
  readonly pid: number
  readonly url: string
  readonly ops: string | null
  readonly link: { readonly online: boolean; readonly lastError: string | null }
  readonly storage: { readonly error: string | null }
  /** By domain, why Prosody could not be told of changed rosters. */
  readonly refreshFaults: readonly (readonly [string, string])[]
}

export interface WatchedUser extends UserPresence {
  readonly jid: string
}

/** A line of `watch`; gone: she is not known any more. */
export type WatchLine = WatchedUser | { readonly jid: string; readonly gone: true }

export interface ControlParts {
  readonly board: PresenceBoard
  readonly domains: Domains
  readonly publications: Publications
  readonly link: Link
  /** Those of a component; null: it is an account. */
  readonly subscriptions: SubscriptionSource | null
  readonly forgotten: Pick<Forgotten, 'has'>
  /** That of an account; null: it is a component. */
  readonly account: AccountRoster | null
  readonly report: () => Promise<GatewayReport>
  /** Stores everything that is known; rejects if that fails. */
  readonly flush: () => Promise<void>
  readonly sources: ReadonlySet<string>
  readonly rosters: RosterControl
}

const PUBLISH = z.object({ jid: z.string(), choice: z.enum(PUBLICATION_CHOICES as ['none']) })
const SUBSCRIBE = z.object({ jid: z.string() })

/** What the control socket offers. */
export class GatewayControl implements ControlHandler {
  readonly #parts: ControlParts

  constructor(parts: ControlParts) {
    this.#parts = parts
  }

  async call(command: string, body: unknown): Promise<unknown> {
    switch (command) {
      case 'publish': {
        const { jid, choice } = parse(PUBLISH, body)
        return this.#publish(this.#kept(this.#user(jid)), choice)
      }
      case 'subscribe':
        return this.#subscribe(this.#kept(this.#contact(parse(SUBSCRIBE, body).jid)))
      case 'unsubscribe':
        return this.#unsubscribe(this.#contact(parse(SUBSCRIBE, body).jid))
      case 'report':
        return this.#parts.report()
      case 'roster-import':
        return stored(this.#parts.rosters.import(body))
      case 'roster-export':
        return stored(this.#parts.rosters.export(body))
      case 'flush':
        await stored(this.#parts.flush())
        return {}
      default:
        throw new ControlFault(`no such command: ${command}`)
    }
  }

  /** Everybody who is known, read as it is taken. */
  *present(): Generator<WatchLine> {
    const { board } = this.#parts
    for (const domain of board.domains) for (const jid of board.usersOf(domain)) yield this.#line(jid, domain)
  }

  watch(send: (line: WatchLine) => void): () => void {
    return this.#parts.board.onChange(({ user, domain }) => send(this.#line(user, domain)))
  }

  #line(user: BareJid, domain: string): WatchLine {
    const jid = this.#address(user)
    const presence = this.#parts.board.get(user, domain)
    return presence ? { jid, ...presence } : { jid, gone: true }
  }

  async #publish(jid: BareJid, choice: 'none' | 'status' | 'details' | 'domain') {
    const { publications, board, domains, subscriptions, account } = this.#parts
    await stored(publications.choose(jid, choice))
    if (account?.has(jid) || subscriptions?.isRefusedBy(jid) === false) board.expect(jid)
    return { jid: domains.address(jid), publication: publications.of(jid, domainOf(jid)) }
  }

  async #subscribe(jid: BareJid) {
    const { sources, link, subscriptions, account } = this.#parts
    if (!account && !sources.has('subscription')) throw new ControlFault('xmpp.sources does not name subscription')
    const state = account ? await taken(account.ask(jid)) : subscriptions && (await stored(subscriptions.ask(jid)))
    return { jid: this.#address(jid), state, sent: link.online }
  }

  async #unsubscribe(jid: BareJid) {
    const { account } = this.#parts
    if (!account)
      throw new ControlFault('only an account has a roster; whom a component sees, she takes it back herself')
    const address = this.#address(jid)
    return { jid: address, removed: await taken(account.remove(jid)) }
  }

  /** Whoever had everything deleted decides herself when something is kept again. */
  #kept(user: BareJid): BareJid {
    if (!this.#parts.forgotten.has(user)) return user
    throw new ControlFault(`${user} had everything deleted that is kept of her; that ends when she signs in again`)
  }

  #address(user: BareJid): string {
    return (this.#parts.account ?? this.#parts.domains).address(user)
  }

  /** Those of an account may be anywhere. */
  #contact(text: string): BareJid {
    const parsed = parseUserInput(text)
    return this.#parts.account && parsed.fault === undefined ? parsed.jid : this.#user(text)
  }

  #user(text: string): BareJid {
    const parsed = parseUserInput(text)
    if (parsed.fault !== undefined) throw new ControlFault(`${JSON.stringify(text)} is not a user's JID`)
    if (!this.#parts.domains.has(parsed.domain)) {
      throw new ControlFault(`${parsed.domain} is not among the configured domains`)
    }
    return parsed.jid
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new ControlFault(z.prettifyError(parsed.error))
  return parsed.data
}

async function stored<T>(saving: Promise<T>): Promise<T> {
  try {
    return await saving
  } catch (error) {
    if (error instanceof ControlFault) throw error
    throw new ControlFault(`it could not be stored: ${explainStorage(error)}`)
  }
}

/** What the XMPP server has to do. */
async function taken<T>(doing: Promise<T>): Promise<T> {
  try {
    return await doing
  } catch (error) {
    throw new ControlFault((error as Error).message)
  }
}
