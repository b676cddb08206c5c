import * as z from 'zod'
import { ControlFault, type ControlHandler } from './ops/control-server.js'
import { type BareJid, displayJid, parseUserInput } from './presence/jid.js'
import type { UserPresence } from './presence/presence.js'
import type { PresenceBoard } from './presence/presence-board.js'
import { PUBLICATION_CHOICES, type Publications } from './presence/publication.js'
import type { Link } from './xmpp/link.js'
import type { SubscriptionSource } from './xmpp/subscription-source.js'

export interface DomainReport {
  readonly domain: string
  /** null: the server has not said. */
  readonly server: 'prosody' | 'ejabberd' | 'other' | null
  readonly privileged: boolean
  readonly subscribed: number
}

/** How the gateway stands, for `check`. */
export interface GatewayReport {
  readonly pid: number
  readonly url: string
  readonly ops: string | null
  readonly link: { readonly online: boolean; readonly lastError: string | null }
  readonly domains: readonly DomainReport[]
  /** null when it is not configured. */
  readonly ejabberdApi: { readonly error: string | null } | null
  readonly storage: { readonly error: string | null }
}

/** A line of `watch`. */
export interface WatchedUser extends UserPresence {
  readonly jid: string
}

export interface ControlParts {
  readonly board: PresenceBoard
  readonly publications: Publications
  readonly link: Link
  readonly subscriptions: SubscriptionSource
  readonly report: () => Promise<GatewayReport>
  readonly sources: ReadonlySet<string>
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
        return this.#publish(this.#user(jid), choice)
      }
      case 'subscribe':
        return this.#subscribe(this.#user(parse(SUBSCRIBE, body).jid))
      case 'report':
        return this.#parts.report()
      default:
        throw new ControlFault(`no such command: ${command}`)
    }
  }

  watch(send: (line: WatchedUser) => void): () => void {
    const { board, publications } = this.#parts
    const show = (jid: BareJid, domain: string) => {
      const presence = board.get(jid, domain)
      if (presence) send({ jid: displayJid(jid), ...presence })
    }
    for (const domain of publications.domains()) for (const jid of board.usersOf(domain)) show(jid, domain)
    return board.onChange(({ user, domain }) => show(user, domain))
  }

  async #publish(jid: BareJid, choice: 'none' | 'status' | 'details' | 'domain') {
    await this.#parts.publications.choose(jid, choice)
    this.#parts.board.expect(jid)
    return { jid: displayJid(jid), choice }
  }

  async #subscribe(jid: BareJid) {
    const { sources, link, subscriptions } = this.#parts
    if (!sources.has('subscription')) throw new ControlFault('xmpp.sources does not name subscription')
    const state = await subscriptions.ask(jid)
    return { jid: displayJid(jid), state, sent: link.online }
  }

  #user(text: string): BareJid {
    const parsed = parseUserInput(text)
    if (parsed.fault !== undefined) throw new ControlFault(`${JSON.stringify(text)} is not a user's JID`)
    if (!this.#parts.publications.isServed(parsed.domain)) {
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
