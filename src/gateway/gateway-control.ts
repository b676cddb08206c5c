import * as z from 'zod'
import type { Config } from '../config.js'
import { ControlFault, type ControlHandler } from '../ops/control-server.js'
import { type BareJid, domainOf, parseUserInput } from '../presence/jid.js'
import type { UserPresence } from '../presence/presence.js'
import { PUBLICATION_CHOICES } from '../presence/publication.js'
import { explainStorage, StorageError } from '../storage/database.js'
import type { Storage } from '../storage/storage.js'
import type { LinkLog } from './link-log.js'
import type { PresenceSide } from './presence-side.js'
import { readCommand } from './read-command.js'
import type { RosterSide } from './roster-side.js'
import type { SideReport, XmppSide } from './xmpp-side.js'

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
  readonly config: Config
  readonly storage: Pick<Storage, 'fault'>
  readonly presence: PresenceSide
  readonly xmpp: XmppSide
  readonly rosters: Pick<RosterSide, 'control' | 'refreshes'>
  readonly linkLog: LinkLog
  /** Where it listens, and as whom. */
  readonly served: Pick<GatewayReport, 'pid' | 'url' | 'ops'>
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
        const { jid, choice } = readCommand(PUBLISH, body)
        return this.#publish(this.#kept(this.#user(jid)), choice)
      }
      case 'subscribe':
        return this.#subscribe(this.#kept(this.#contact(readCommand(SUBSCRIBE, body).jid)))
      case 'unsubscribe':
        return this.#unsubscribe(this.#contact(readCommand(SUBSCRIBE, body).jid))
      case 'report':
        return this.#report()
      case 'roster-import':
        return stored(this.#parts.rosters.control.import(body))
      case 'roster-export':
        return stored(this.#parts.rosters.control.export(body))
      case 'flush':
        await stored(this.#flush())
        return {}
      default:
        throw new ControlFault(`no such command: ${command}`)
    }
  }

  async #report(): Promise<GatewayReport> {
    const { storage, xmpp, rosters, linkLog, served } = this.#parts
    const { online } = xmpp.link
    return {
      ...served,
      link: { online, lastError: online ? null : linkLog.trouble },
      ...(await xmpp.report()),
      storage: { error: storage.fault },
      refreshFaults: rosters.refreshes.faults,
    }
  }

  /** Rejects where not everything that is known can be stored. */
  async #flush(): Promise<void> {
    const { storage, presence } = this.#parts
    if (storage.fault !== null) throw new StorageError(storage.fault)
    await presence.flush()
  }

  /** Everybody who is known, read as it is taken. */
  *present(): Generator<WatchLine> {
    const { board } = this.#parts.presence
    for (const domain of board.domains) for (const jid of board.usersOf(domain)) yield this.#line(jid, domain)
  }

  watch(send: (line: WatchLine) => void): () => void {
    return this.#parts.presence.board.onChange(({ user, domain }) => send(this.#line(user, domain)))
  }

  #line(user: BareJid, domain: string): WatchLine {
    const jid = this.#address(user)
    const presence = this.#parts.presence.board.get(user, domain)
    return presence ? { jid, ...presence } : { jid, gone: true }
  }

  async #publish(jid: BareJid, choice: 'none' | 'status' | 'details' | 'domain') {
    const { publications, board, domains } = this.#parts.presence
    const { subscriptions, roster } = this.#parts.xmpp
    await stored(publications.choose(jid, choice))
    if (roster?.has(jid) || subscriptions?.isRefusedBy(jid) === false) board.expect(jid)
    return { jid: domains.address(jid), publication: publications.of(jid, domainOf(jid)) }
  }

  async #subscribe(jid: BareJid) {
    const { link, subscriptions, roster } = this.#parts.xmpp
    if (!roster && !this.#parts.config.xmpp.sources.includes('subscription'))
      throw new ControlFault('xmpp.sources does not name subscription')
    const state = roster ? await taken(roster.ask(jid)) : subscriptions && (await stored(subscriptions.ask(jid)))
    return { jid: this.#address(jid), state, sent: link.online }
  }

  async #unsubscribe(jid: BareJid) {
    const { roster } = this.#parts.xmpp
    if (!roster)
      throw new ControlFault('only an account has a roster; whom a component sees, she takes it back herself')
    const address = this.#address(jid)
    return { jid: address, removed: await taken(roster.remove(jid)) }
  }

  /** Whoever had everything deleted decides herself when something is kept again. */
  #kept(user: BareJid): BareJid {
    if (!this.#parts.presence.forgotten.has(user)) return user
    throw new ControlFault(`${user} had everything deleted that is kept of her; that ends when she signs in again`)
  }

  #address(user: BareJid): string {
    return (this.#parts.xmpp.roster ?? this.#parts.presence.domains).address(user)
  }

  /** Those of an account may be anywhere. */
  #contact(text: string): BareJid {
    const parsed = parseUserInput(text)
    return this.#parts.xmpp.roster && parsed.fault === undefined ? parsed.jid : this.#user(text)
  }

  #user(text: string): BareJid {
    const parsed = parseUserInput(text)
    if (parsed.fault !== undefined) throw new ControlFault(`${JSON.stringify(text)} is not a user's JID`)
    if (!this.#parts.presence.domains.has(parsed.domain)) {
      throw new ControlFault(`${parsed.domain} is not among the configured domains`)
    }
    return parsed.jid
  }
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
