import { xml } from '@xmpp/component'
import type { Clock } from '../presence/clock.js'
import type { Mark } from '../presence/eras.js'
import { type BareJid, domainOf, normaliseDomain } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { AccountRoster } from './account-roster.js'
import { fence } from './fence.js'
import type { Link } from './link.js'
import { Probes, WINDOW_MS } from './probes.js'
import { identify, type Server } from './server-identity.js'
import { Uptime } from './uptime.js'

export interface AccountOptions {
  /** The account's own, in its server's spelling. */
  readonly domain: string
  /** How long a contact may stay unheard of before she is doubted, where doubt is needed. */
  readonly verifyEveryMs: number
}

export interface AccountObserver {
  /** What the account's server is, and that the roster is here. */
  identified(server: Server, contacts: number): void
  rosterMissing(why: string): void
}

const ROSTER_AGAIN_MS = 10_000
const SLICE = 2000

/**
 * Finds out which contacts of an account are there: its first presence makes the server ask for everybody's (RFC 6121
 * §4.2.2). Who is silent is not there: at once on Prosody, which answers in order, else after ten seconds.
 */
export class AccountReconciler {
  readonly #link: Link
  readonly #board: PresenceBoard
  readonly #roster: AccountRoster
  readonly #clock: Clock
  readonly #options: AccountOptions
  readonly #observer: AccountObserver
  #uptime: Uptime
  #server: Server = 'other'
  /** Of the account's own domain, and of all others; null until the roster is here. */
  #probes: { readonly own: Probes; readonly others: Probes } | null = null

  constructor(
    link: Link,
    board: PresenceBoard,
    roster: AccountRoster,
    clock: Clock,
    options: AccountOptions,
    observer: AccountObserver,
  ) {
    this.#link = link
    this.#board = board
    this.#roster = roster
    this.#clock = clock
    this.#options = options
    this.#observer = observer
    this.#uptime = new Uptime(clock)
  }

  up(): void {
    this.#board.linkUp()
    this.#uptime = new Uptime(this.#clock)
    void this.#begin()
  }

  down(): void {
    this.#board.linkDown()
    this.#uptime.end()
    this.#probes = null
  }

  /** She may be seen from now on. What there is to see, her server says by itself; that she is not there, it does not. */
  granted(user: BareJid): void {
    this.#board.expect(user)
    this.#probesOf(user)?.add([user])
  }

  withdrawn(user: BareJid): void {
    this.#board.forget(user)
  }

  async #begin(): Promise<void> {
    const uptime = this.#uptime
    const { domain, verifyEveryMs } = this.#options
    const [missing, { server }] = await Promise.all([this.#roster.load(), identify(this.#link, domain)])
    if (!uptime.lasts) return
    if (missing !== null) {
      this.#observer.rosterMissing(missing)
      return uptime.after(ROSTER_AGAIN_MS, () => void this.#begin())
    }
    this.#server = server ?? 'other'
    await this.#forgetOthers(uptime)
    if (!uptime.lasts) return
    const contacts = [...this.#roster.seen()]
    this.#observer.identified(this.#server, contacts.length)
    const parts = { link: this.#link, board: this.#board, domains: this.#roster, subscriptions: this.#roster }
    const own = new Probes(parts, uptime, this.#server === 'prosody' ? domain : null)
    this.#probes = { own, others: new Probes(parts, uptime, null) }
    for (const user of contacts) this.#board.expect(user)
    const since = this.#board.mark()
    // Below zero: no message is for us.
    this.#link.send(xml('presence', {}, xml('priority', {}, '-1')))
    uptime.after(WINDOW_MS, () => this.#settle(contacts, since))
    uptime.every(verifyEveryMs, () => this.#verify())
    if (this.#server !== 'prosody' || (await fence(this.#link, domain)) !== 'passed' || !uptime.lasts) return
    this.#settle(
      contacts.filter((user) => this.#isOwn(user)),
      since,
    )
  }

  /** Who took back while nobody listened, and whose presence was stored. */
  async #forgetOthers(uptime: Uptime): Promise<void> {
    let looked = 0
    for (const domain of [...this.#board.domains]) {
      for (const user of this.#board.usersOf(domain)) {
        if (!this.#roster.has(user)) this.#board.forget(user)
        if (++looked % SLICE === 0) await uptime.pause(0)
      }
    }
  }

  #settle(users: readonly BareJid[], since: Mark): void {
    for (const user of users) if (this.#roster.has(user)) this.#board.settle(user, since)
  }

  /** Neither a block on ejabberd nor a server that went down is told of; so whoever is silent is asked from time to time. */
  #verify(): void {
    for (const user of this.#roster.seen()) {
      if (this.#server !== 'prosody' || !this.#isOwn(user)) this.#probesOf(user)?.add([user])
    }
  }

  #probesOf(user: BareJid): Probes | undefined {
    return this.#isOwn(user) ? this.#probes?.own : this.#probes?.others
  }

  #isOwn(user: BareJid): boolean {
    return domainOf(user) === normaliseDomain(this.#options.domain)
  }
}
