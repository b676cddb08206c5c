import type { Clock } from '../presence/clock.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import { isTold, type PushOutcome, pushRoster, type RosterPushParts } from './push-roster.js'
import { Uptime } from './uptime.js'

export interface RosterPushObserver {
  /** The server does not take what it is told, or it cannot be stored; once until it works again. */
  failing(why: string, retryInMs: number): void
  working(): void
}

const AT_ONCE = 20
const PAGE = 20
const FIRST_BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 300_000
const ABSENT_AGAIN_MS = 600_000
const READ_AGAIN_MS = 5000
const CROWDED_MS = 50

/** Makes the server's rosters of one domain follow ours, while the link is up; one push a user at a time. */
export class RosterPushes {
  readonly #domain: string
  readonly #parts: RosterPushParts
  readonly #clock: Clock
  readonly #observer: RosterPushObserver
  /** Whose roster the server may not know yet; at most every user once. */
  readonly #waiting = new Set<BareJid>()
  /** Of those who wait: who is told everything again. */
  readonly #anew = new Set<BareJid>()
  readonly #underWay = new Map<BareJid, Promise<void>>()
  /** Whom the server has no account of, perhaps not yet. */
  readonly #absent = new Set<BareJid>()
  /** Whether everybody was looked at in this process: from then on changes say who waits. */
  #isRead = false
  #uptime: Uptime | null = null
  #failures = 0
  #paused = false

  constructor(domain: string, parts: RosterPushParts, clock: Clock, observer: RosterPushObserver) {
    this.#domain = domain
    this.#parts = parts
    this.#clock = clock
    this.#observer = observer
  }

  /** The server takes rosters from us. */
  up(): void {
    this.down()
    const uptime = new Uptime(this.#clock)
    this.#uptime = uptime
    this.#paused = false
    uptime.every(ABSENT_AGAIN_MS, () => {
      for (const user of this.#absent) this.#waiting.add(user)
      this.#absent.clear()
      this.#next()
    })
    if (!this.#isRead) void this.#read(uptime)
    this.#next()
  }

  down(): void {
    this.#uptime?.end()
    this.#uptime = null
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.down()
    await Promise.all(this.#underWay.values())
  }

  /** `anew`: the server shall be told everything of her roster again. */
  changed(user: BareJid, anew = false): void {
    // Whoever changes before is found when everybody is looked at.
    if (!this.#isRead && !this.#uptime) return
    if (anew) this.#anew.add(user)
    this.#absent.delete(user)
    this.#waiting.add(user)
    this.#next()
  }

  /** Whoever has a roster here, or had one that the server was told of. Whom an API changes meanwhile need not wait for it. */
  async #read(uptime: Uptime): Promise<void> {
    try {
      let username = ''
      await this.#readPages(uptime, async () => {
        const users = await this.#parts.rosters.users(this.#domain, username, PAGE)
        username = users.at(-1)?.slice(0, -this.#domain.length - 1) ?? ''
        return users
      })
      if (!uptime.lasts) return
      let last = ''
      await this.#readPages(uptime, async () => {
        const users = await this.#parts.store.pushedUsers(last, PAGE)
        last = users.at(-1) ?? ''
        return users
      })
      if (uptime.lasts) this.#isRead = true
    } catch (error) {
      if (!uptime.lasts) return
      this.#pause(uptime, (error as Error).message)
      uptime.after(READ_AGAIN_MS, () => void this.#read(uptime))
    }
  }

  async #readPages(uptime: Uptime, nextPage: () => Promise<readonly BareJid[]>): Promise<void> {
    for (let users = await nextPage(); users.length > 0; users = await nextPage()) {
      for (const user of users) {
        if (domainOf(user) === this.#domain && !(await isTold(this.#parts, user))) this.#waiting.add(user)
      }
      this.#next()
      await uptime.pause(1)
      while (this.#waiting.size > PAGE && uptime.lasts) await uptime.pause(CROWDED_MS)
      if (!uptime.lasts) return
    }
  }

  #next(): void {
    const uptime = this.#uptime
    if (!uptime || this.#paused) return
    for (const user of this.#waiting) {
      if (this.#underWay.size >= AT_ONCE) return
      if (this.#underWay.has(user)) continue
      this.#waiting.delete(user)
      this.#underWay.set(user, this.#push(user, uptime))
    }
  }

  async #push(user: BareJid, uptime: Uptime): Promise<void> {
    const anew = this.#anew.delete(user)
    const outcome = await pushRoster(this.#parts, user, anew).catch(
      (error: Error): PushOutcome => ({ failed: error.message }),
    )
    this.#underWay.delete(user)
    if (outcome === 'told') this.#worked()
    else if (outcome === 'absent') this.#absent.add(user)
    else {
      // Behind the others: it may be hers alone that fails.
      this.#waiting.add(user)
      if (anew) this.#anew.add(user)
      if (uptime.lasts) this.#pause(uptime, outcome === 'link-down' ? 'too many requests' : outcome.failed)
    }
    this.#next()
  }

  #worked(): void {
    if (this.#failures > 0) this.#observer.working()
    this.#failures = 0
  }

  #pause(uptime: Uptime, why: string): void {
    // Others that were under way may fail for the same reason.
    if (this.#paused) return
    this.#paused = true
    const retryInMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures, 16))
    if (this.#failures++ === 0) this.#observer.failing(why, retryInMs)
    uptime.after(retryInMs, () => {
      this.#paused = false
      this.#next()
    })
  }
}
