import type { Clock, Timer } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import type { ContactJid } from './contact.js'
import type { HttpClient } from './http-client.js'
import { failedInPart, type ModuleAddress, moduleFault, refreshCall, tookAll } from './module-call.js'
import { hide, onSettled, type Refresh, RefreshQueue, settle } from './refresh-queue.js'
import type { RosterChange } from './roster-change.js'

const FIRST_BACKOFF_MS = 5000
const MAX_BACKOFF_MS = 60_000
// A user alone: whose client has sent no presence yet usually does so at once.
const FIRST_ALONE_MS = 500
// From the last roster that it was given to its answer, Prosody has nothing to wait for.
const SILENCE_MS = 2000
const PARTING_MS = 2000

export interface RefreshOutcome {
  readonly updated: number
  /** They will be tried again. */
  readonly errors: number
}

export interface RefreshState {
  /** Users. */
  readonly waiting: number
  /** For the admin; null: the last call went well, or there was none. */
  readonly fault: string | null
  /** Milliseconds since 1970. */
  readonly succeededAt: number | null
}

/**
 * Has Prosody's mod_http_roster_admin fetch rosters of one domain again when they have changed: what changes within 200 ms in
 * one call, one call at a time, until it went well. The module compares by JID alone, so whoever has another name or other
 * groups is left out of what it fetches first, and is back in what it fetches next. That is known in memory only: after a
 * crash in between, a refresh brings them back.
 */
export class ModuleRefresh {
  readonly #address: ModuleAddress
  readonly #http: HttpClient
  readonly #clock: Clock
  readonly #fraction: () => number
  readonly #faultChanged: (fault: string | null) => void
  readonly #waiting = new RefreshQueue()
  #underWay: ReadonlyMap<BareJid, Refresh> = new Map()
  #hiding = false
  #running: Promise<void> | null = null
  #timer: (Timer & { readonly at: number }) | null = null
  #failures = 0
  #pausedUntil = 0
  #stopped = false
  #gaveUp = false
  #ending: AbortController | null = null
  #silence: Timer | null = null
  #fault: string | null = null
  #succeededAt: number | null = null

  /** `fraction`: at random, of 0 to 1. `faultChanged`: told when the state's `fault` is another. */
  constructor(
    address: ModuleAddress,
    http: HttpClient,
    clock: Clock,
    fraction: () => number,
    faultChanged: (fault: string | null) => void = () => {},
  ) {
    this.#address = address
    this.#http = http
    this.#clock = clock
    this.#fraction = fraction
    this.#faultChanged = faultChanged
  }

  get state(): RefreshState {
    return { waiting: this.#waiting.size + this.#underWay.size, fault: this.#fault, succeededAt: this.#succeededAt }
  }

  changed({ user, added, altered, removed }: RosterChange): void {
    if (this.#stopped) return
    const underWay = this.#underWay.get(user)
    // Until an earlier change has gone well, the server may still have whom that one removed.
    const mayBeThere = underWay !== undefined || this.#waiting.has(user)
    const refresh = this.#waiting.add(user)
    for (const jid of altered) hide(refresh, jid)
    if (mayBeThere) for (const jid of added) hide(refresh, jid)
    for (const jid of removed) {
      refresh.hidden?.delete(jid)
      underWay?.hidden?.delete(jid)
    }
    this.#wake()
  }

  /** Tries soon, even where the last call went wrong just now. Resolves when each user was tried; never rejects. */
  async refresh(users: readonly BareJid[]): Promise<RefreshOutcome> {
    if (this.#stopped) return { updated: 0, errors: users.length }
    this.#pausedUntil = 0
    const settled = users.map((user) => new Promise<boolean>((resolve) => onSettled(this.#waiting.add(user), resolve)))
    this.#wake()
    const updated = (await Promise.all(settled)).filter(Boolean).length
    return { updated, errors: users.length - updated }
  }

  /** Prosody is given this user's roster: who must be left out of it. */
  give(user: BareJid): ReadonlySet<ContactJid> | undefined {
    const refresh = this.#underWay.get(user)
    if (!refresh) return
    this.#silence?.cancel()
    this.#silence = this.#clock.after(SILENCE_MS, () => this.#ending?.abort())
    return this.#hiding && refresh.hidden?.size ? refresh.hidden : undefined
  }

  /** Tries what waits once more, for two seconds at most. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
    if (this.#clock.steady() >= this.#pausedUntil) this.#run()
    const patience = this.#clock.after(PARTING_MS, () => {
      this.#gaveUp = true
      this.#ending?.abort()
    })
    await this.#running
    patience.cancel()
    this.#waiting.clear()
  }

  #wake(): void {
    const now = this.#clock.steady()
    const due = this.#waiting.dueAt(now)
    if (this.#stopped || this.#running || due === null) return
    const at = Math.max(due, this.#pausedUntil)
    if (this.#timer && this.#timer.at <= at) return
    this.#timer?.cancel()
    const timer = this.#clock.after(at - now, () => {
      this.#timer = null
      this.#run()
    })
    this.#timer = { at, cancel: () => timer.cancel() }
  }

  #run(): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = null
      this.#wake()
    })
  }

  /** Until there is time to gather more; the last time, until all was tried. */
  async #work(): Promise<void> {
    for (;;) {
      const chunk = this.#waiting.take(this.#clock.steady())
      if (chunk.size === 0) return
      this.#underWay = chunk
      await this.#serve(chunk)
      this.#underWay = new Map()
      const now = this.#clock.steady()
      const due = this.#waiting.dueAt(now)
      const more = this.#stopped || (due !== null && due <= now)
      if (!more || now < this.#pausedUntil || this.#gaveUp) return
    }
  }

  async #serve(chunk: ReadonlyMap<BareJid, Refresh>): Promise<void> {
    this.#hiding = true
    const removed = await this.#call(chunk)
    this.#hiding = false
    if (!removed) return
    const toAdd = new Map<BareJid, Refresh>()
    for (const [user, refresh] of chunk) {
      if (refresh.hidden?.size) toAdd.set(user, refresh)
      else settle(refresh, true)
      // Whatever comes of the next call, the server has none of them any more.
      refresh.hidden = null
    }
    if (toAdd.size === 0 || !(await this.#call(toAdd))) return
    for (const refresh of toAdd.values()) settle(refresh, true)
  }

  /** false: all of them wait again. */
  async #call(chunk: ReadonlyMap<BareJid, Refresh>): Promise<boolean> {
    const began = this.#clock.steady()
    const ending = new AbortController()
    this.#ending = ending
    const answer = await this.#http.call(refreshCall(this.#address, chunk.keys()), ending.signal)
    this.#silence?.cancel()
    const silent = answer.kind === 'failed' && (ending.signal.aborted || tookAll(this.#clock.steady() - began))
    if (chunk.size > 1 && failedInPart(answer)) {
      // The others of them are well, and must not wait for whoever is not.
      for (const [user, refresh] of chunk) {
        refresh.alone = true
        this.#waiting.putBack(user, refresh)
      }
      return false
    }
    this.#setFault(moduleFault(this.#address, answer, silent))
    if (this.#fault === null) {
      this.#failures = 0
      this.#succeededAt = this.#clock.now()
      return true
    }
    for (const [user, refresh] of chunk) {
      this.#waiting.putBack(user, refresh)
      if (silent && chunk.size === 1) this.#postpone(refresh)
      if (silent) refresh.alone = true
    }
    if (!silent) {
      this.#pausedUntil = this.#clock.steady() + this.#backoff(FIRST_BACKOFF_MS, this.#failures++)
      this.#waiting.settle()
    }
    return false
  }

  #postpone(refresh: Refresh): void {
    refresh.notBefore = this.#clock.steady() + this.#backoff(FIRST_ALONE_MS, refresh.failures++)
    settle(refresh, false)
  }

  #backoff(firstMs: number, failures: number): number {
    return Math.round(this.#fraction() * Math.min(MAX_BACKOFF_MS, firstMs * 2 ** Math.min(failures, 16)))
  }

  #setFault(fault: string | null): void {
    if (fault === this.#fault) return
    this.#fault = fault
    this.#faultChanged(fault)
  }
}
