import { setMaxListeners } from 'node:events'
import type { Clock, Timer } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import { Places } from '../presence/places.js'
import { Complaints } from './complaints.js'
import { type ContactJid, NO_CONTACTS, type Roster } from './contact.js'
import { GoodCopies } from './good-copies.js'
import type { HttpClient } from './http-client.js'
import { OwedRosters } from './owed-rosters.js'
import type { RosterChange } from './roster-change.js'
import type { RosterCopies } from './roster-copies.js'
import { printContacts, readContacts } from './roster-json.js'
import { difference } from './rosters.js'
import type { RosterSource } from './served-rosters.js'
import { readUpstreamAnswer, type UpstreamAnswer, type UpstreamFailure } from './upstream-answer.js'
import { rosterCall } from './upstream-call.js'

// How long a user who logs in is kept waiting, with a copy to fall back on and without.
const PATIENCE_MS = 1500
const PATIENCE_WITHOUT_MS = 5000

const AT_ONCE = 50
// Who would have to stand behind these is given her copy at once.
const LONGEST_LINE = 1000
// Of whole lists of users, so that who logs in finds a place.
const REFETCHED_AT_ONCE = 10

/** One user alone may be what breaks it; so many different ones in a row are not. */
const DOWN_AFTER = 3

export type UpstreamOutcome = 'roster' | 'unknown-user' | UpstreamFailure

export interface UpstreamHandler {
  /** Who had been given an older roster, or whose roster was refetched, has another now. Nothing here may throw. */
  changed(change: RosterChange): void
  /** Of each fetch. */
  fetched(outcome: UpstreamOutcome): void
  /** She was given an older roster, or none. */
  servedStale(): void
  /** Something is wrong with the answer for her; once until it is something else. */
  complaint(user: BareJid, what: string): void
  down(why: string): void
  up(): void
}

export interface UpstreamParts {
  readonly http: HttpClient
  readonly copies: RosterCopies
  readonly clock: Clock
  /** Added by whoever serves them, so not among them; null: nobody is. */
  readonly component: ContactJid | null
  /** From 0 to 1, at random. */
  readonly fraction: () => number
}

interface Flight {
  /** Her contacts as they are printed; null: it failed. */
  answer: Promise<string | null>
  hasBegun: boolean
  /** Made although the upstream is down. */
  isProbe: boolean
}

/**
 * The rosters of a domain whose web app has them: what it says, and the last good copy of that wherever it does not, or
 * not soon enough. Whoever was given a copy is owed a roster: it is fetched behind her, one user at a time and with
 * back-off, until there is one.
 */
export class UpstreamRosters implements RosterSource {
  readonly #template: string
  readonly #parts: UpstreamParts
  readonly #handler: UpstreamHandler
  readonly #copies: GoodCopies
  readonly #places = new Places(AT_ONCE, LONGEST_LINE)
  readonly #flights = new Map<BareJid, Flight>()
  readonly #owed: OwedRosters
  /** Since the last success; no more than it takes to be down. */
  readonly #failedFor = new Set<BareJid>()
  readonly #complaints = new Complaints()
  readonly #ending = new AbortController()
  #isDown = false

  constructor(template: string, parts: UpstreamParts, handler: UpstreamHandler) {
    this.#template = template
    this.#parts = parts
    this.#handler = handler
    this.#copies = new GoodCopies(parts.copies)
    // One for each call under way, which are bounded.
    setMaxListeners(0, this.#ending.signal)
    this.#owed = new OwedRosters(parts.clock, parts.fraction, async (user) => {
      const flight = this.#fetch(user, true)
      return flight !== null && (await flight.answer) !== null
    })
  }

  /** So many in a row have failed that only one is tried now and then. */
  get isDown(): boolean {
    return this.#isDown
  }

  /** Users whose roster may be an older one. */
  get owed(): number {
    return this.#owed.size
  }

  /** Never rejects. */
  async printed(user: BareJid): Promise<string> {
    const flight = this.#isDown ? null : this.#fetch(user, false)
    const copy = await this.#copies.of(user)
    const fresh = flight && (await this.#within(copy ? PATIENCE_MS : PATIENCE_WITHOUT_MS, flight.answer))
    if (fresh !== null) return fresh
    this.#handler.servedStale()
    this.#owed.add(user)
    return copy?.contacts ?? ''
  }

  /** Nothing is asked of the upstream. */
  async lastGood(user: BareJid): Promise<Roster> {
    return readContacts((await this.#copies.of(user))?.contacts ?? '')
  }

  /** Resolves when everybody's roster was fetched anew, or could not be. */
  async refetch(users: Iterable<BareJid>): Promise<{ updated: number; errors: number }> {
    const outcome = { updated: 0, errors: 0 }
    const rest = users[Symbol.iterator]()
    const work = async () => {
      for (let next = rest.next(); !next.done; next = rest.next()) {
        outcome[(await this.#refetch(next.value)) ? 'updated' : 'errors']++
      }
    }
    await Promise.all(Array.from({ length: REFETCHED_AT_ONCE }, work))
    return outcome
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    this.#ending.abort()
    this.#owed.stop()
    await Promise.all([...this.#flights.values()].map(({ answer }) => answer))
  }

  async #refetch(user: BareJid): Promise<boolean> {
    const underWay = this.#flights.get(user)
    // What was asked before may be answered with what was before.
    if (underWay?.hasBegun) await underWay.answer
    this.#owed.add(user)
    const flight = this.#fetch(user, true)
    return flight !== null && (await flight.answer) !== null
  }

  /** One at a time for each user. null: too many are waiting. */
  #fetch(user: BareJid, isProbe: boolean): Flight | null {
    const underWay = this.#flights.get(user)
    if (underWay) {
      underWay.isProbe ||= isProbe
      return underWay
    }
    if (this.#ending.signal.aborted) return null
    const flight: Flight = { answer: Promise.resolve(null), hasBegun: false, isProbe }
    this.#flights.set(user, flight)
    const answer = this.#places.take(() => this.#fly(user, flight).finally(() => this.#flights.delete(user)))
    if (!answer) this.#flights.delete(user)
    else flight.answer = answer
    return answer && flight
  }

  async #fly(user: BareJid, flight: Flight): Promise<string | null> {
    // It was waiting in line when the upstream went down.
    if (this.#isDown && !flight.isProbe) return null
    flight.hasBegun = true
    const answer = await this.#ask(user)
    if (this.#ending.signal.aborted) return null
    this.#handler.fetched(answer.kind === 'failed' ? answer.failure : answer.kind)
    const copy = await this.#copies.of(user)
    if (answer.kind === 'failed') return this.#failed(user, answer.why)
    // Nobody who had contacts is unknown all at once; that is a broken route. An app that means no contacts says {}.
    if (answer.kind === 'unknown-user' && copy && copy.contacts !== '') {
      return this.#failed(user, 'it answers as if there were no such user, who had contacts')
    }
    const { roster: whole, faults } = answer.kind === 'roster' ? answer : { roster: NO_CONTACTS, faults: [] }
    // Nobody is her own contact, though her app may count her among her friends.
    const roster = new Map([...whole].filter(([jid]) => jid !== this.#parts.component && jid !== user))
    const printed = printContacts(roster)
    await this.#copies.keep(user, { contacts: printed, fetchedAt: this.#parts.clock.now() })
    // A 404 says little of how it is.
    if (answer.kind === 'roster') this.#succeeded()
    const named = faults.map(({ entry, why }) => `${JSON.stringify(entry)} ${why}`)
    this.#complain(user, named)
    if (this.#owed.settle(user) && printed !== copy?.contacts) {
      const change = difference(user, readContacts(copy?.contacts ?? ''), roster)
      if (change) this.#handler.changed(change)
    }
    return printed
  }

  async #ask(user: BareJid): Promise<UpstreamAnswer> {
    const call = rosterCall(this.#template, user)
    return call ? readUpstreamAnswer(await this.#parts.http.call(call, this.#ending.signal)) : { kind: 'unknown-user' }
  }

  #failed(user: BareJid, why: string): null {
    this.#owed.failedFor(user)
    if (!this.#isDown) {
      this.#failedFor.add(user)
      this.#complain(user, [why])
      if (this.#failedFor.size >= DOWN_AFTER) {
        this.#isDown = true
        this.#handler.down(why)
      }
    }
    return null
  }

  #succeeded(): void {
    this.#failedFor.clear()
    if (!this.#isDown) return
    this.#isDown = false
    this.#handler.up()
    this.#owed.now()
  }

  #complain(user: BareJid, faults: readonly string[]): void {
    const what = this.#complaints.about(user, faults)
    if (what !== null) this.#handler.complaint(user, what)
  }

  async #within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
    let timer: Timer | undefined
    const late = new Promise<null>((resolve) => {
      timer = this.#parts.clock.after(ms, () => resolve(null))
    })
    return Promise.race([promise, late]).finally(() => timer?.cancel())
  }
}
