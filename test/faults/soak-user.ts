import { setTimeout as sleep } from 'node:timers/promises'
import { xml } from '@xmpp/client'
import type { SeededRandom } from '../support/seeded-random.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'
import type { Oracle, Said } from './oracle.js'

const SHOWS = ['online', 'chat', 'away', 'xa', 'dnd'] as const
const PRIORITIES = [-5, 0, 1, 1, 5] as const
const RESOURCES = ['desk', 'phone', 'tab'] as const
const ANSWER_MS = 5000

export interface SoakUserOptions {
  readonly jid: string
  readonly server: XmppServer
  readonly oracle: Oracle
  readonly random: SeededRandom
  /** How long the gateway may take to find a session that died without a word. */
  readonly silentDeathMs: number
}

/** Somebody who comes and goes on up to three resources at random, and tells the oracle what she does. */
export class SoakUser {
  readonly jid: string
  readonly #options: SoakUserOptions
  readonly #random: SeededRandom
  readonly #sessions = new Map<string, XmppUser>()
  #texts = 0
  acts = 0

  constructor(options: SoakUserOptions) {
    this.jid = options.jid
    this.#options = options
    this.#random = options.random
  }

  /** Until told to stop. While the server is away she waits for it. */
  async live(stop: AbortSignal, serverIsUp: () => boolean): Promise<void> {
    while (!stop.aborted) {
      await sleep(100 + this.#random.below(1400))
      if (stop.aborted || !serverIsUp()) continue
      await this.act().catch(() => this.dropAll())
    }
  }

  /** One thing that users do; rejects if the server went meanwhile, and then nobody knows what it has. */
  async act(): Promise<void> {
    this.acts++
    const dice = this.#random.fraction()
    const names = [...this.#sessions.keys()]
    const [first, ...others] = names
    if (first === undefined || dice < 0.15) return this.#logIn(this.#random.pick(RESOURCES))
    const resource = this.#random.pick([first, ...others])
    if (dice < 0.65) await this.#say(resource, dice < 0.25 ? 3 : 1)
    else if (dice < 0.75) await this.#beUnavailable(resource)
    else if (dice < 0.88) await this.#logOut(resource)
    else this.#die(resource)
  }

  /** So that everybody is known before anything is judged. */
  async appear(): Promise<void> {
    await this.#logIn('desk')
    await this.#say('desk', 1)
  }

  /** Every connection is torn down without a word. */
  dropAll(): void {
    for (const resource of this.#sessions.keys()) this.#die(resource)
  }

  async #logIn(resource: string): Promise<void> {
    const { oracle, server, silentDeathMs } = this.#options
    const replaced = this.#sessions.has(resource)
    // The server throws the older session of the same name out, as silently as it lets one die.
    const gone = replaced ? oracle.may(this.jid, resource, null) : null
    const user = await XmppUser.login({ port: server.c2sPort, jid: this.jid, resource })
    this.#sessions.get(resource)?.dieSilently()
    this.#sessions.set(resource, user)
    gone?.(silentDeathMs)
    // Connected is not available.
    if (this.#random.chance(0.8)) await this.#say(resource, 1)
  }

  async #say(resource: string, times: number): Promise<void> {
    const user = this.#session(resource)
    let landed = () => {}
    for (let i = 0; i < times; i++) {
      const said = this.#something()
      landed = this.#options.oracle.may(this.jid, resource, said)
      const { show, text, priority } = said
      await user.setPresence({
        ...(show !== 'online' && { show }),
        ...(text !== null && { status: text }),
        priority,
      })
    }
    await this.#answered(user)
    landed()
  }

  async #beUnavailable(resource: string): Promise<void> {
    const user = this.#session(resource)
    const landed = this.#options.oracle.may(this.jid, resource, null)
    await user.unavailable('bye')
    await this.#answered(user)
    landed()
  }

  async #logOut(resource: string): Promise<void> {
    const user = this.#session(resource)
    const landed = this.#options.oracle.may(this.jid, resource, null)
    await user.logout()
    this.#sessions.delete(resource)
    landed()
  }

  #die(resource: string): void {
    const user = this.#session(resource)
    const landed = this.#options.oracle.may(this.jid, resource, null)
    this.#sessions.delete(resource)
    user.dieSilently()
    landed(this.#options.silentDeathMs)
  }

  /** A server handles a session's stanzas in order: whoever has its answer knows that it has had everything before. */
  async #answered(user: XmppUser): Promise<void> {
    await user.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), this.#options.server.domain, ANSWER_MS)
  }

  #session(resource: string): XmppUser {
    const user = this.#sessions.get(resource)
    if (!user) throw new Error(`${this.jid} has no session ${resource}`)
    return user
  }

  #something(): Said {
    return {
      show: this.#random.pick(SHOWS),
      // Each text once, so that an old answer cannot look like a new one; sometimes none.
      text: this.#random.chance(0.7) ? `${this.jid} ${++this.#texts} 🙂` : null,
      priority: this.#random.pick(PRIORITIES),
    }
  }
}
