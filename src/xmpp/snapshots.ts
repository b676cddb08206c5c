import type { Mark } from '../presence/eras.js'
import type { BareJid } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { EjabberdApi, Session } from './ejabberd-api.js'
import type { Uptime } from './uptime.js'

export interface SnapshotObserver {
  snapshot(domain: string, sessions: number): void
  snapshotFailed(why: string, retryInMs: number): void
}

// Sessions looked at before the event loop has its turn.
const SLICE = 2000

/** Who is there by ejabberd's API, for all domains at once, one snapshot at a time. Whoever is in none of it is not there. */
export class Snapshots {
  readonly #api: EjabberdApi
  readonly #board: PresenceBoard
  readonly #uptime: Uptime
  readonly #retryInMs: number
  readonly #observer: SnapshotObserver
  readonly #domains = new Set<string>()
  /** From when one is wanted until it is taken. */
  #wanted = false
  /** While one is taken: what is wanted now it may not tell. */
  #wantedAgain = false
  /** Full JIDs heard from since a snapshot was asked for: it may be older than what they said. */
  #touched: Set<string> | null = null

  constructor(api: EjabberdApi, board: PresenceBoard, uptime: Uptime, retryInMs: number, observer: SnapshotObserver) {
    this.#api = api
    this.#board = board
    this.#uptime = uptime
    this.#retryInMs = retryInMs
    this.#observer = observer
  }

  /** Those who are there on the domain are wanted now. */
  cover(domain: string): void {
    this.#domains.add(domain)
    this.#want(0)
  }

  /** Its users are no longer our business. */
  drop(domain: string): void {
    this.#domains.delete(domain)
  }

  /** A resource spoke. */
  heard(user: BareJid, resource: string | null): void {
    this.#touched?.add(`${user}/${resource ?? ''}`)
  }

  #want(inMs: number): void {
    if (this.#wanted) {
      this.#wantedAgain = this.#touched !== null
      return
    }
    this.#wanted = true
    this.#uptime.after(inMs, () => void this.#take())
  }

  async #take(): Promise<void> {
    const since = this.#board.mark()
    const touched = new Set<string>()
    this.#touched = touched
    this.#wantedAgain = false
    try {
      const sessions = await this.#api.sessions()
      if (!this.#uptime.lasts) return
      await this.#compare(sessions, since, touched)
      this.#wanted = false
      if (this.#wantedAgain) this.#want(0)
    } catch (error) {
      if (!this.#uptime.lasts) return
      this.#wanted = false
      // Nobody knows for how long.
      for (const domain of this.#domains) this.#board.takeWord(domain)
      this.#observer.snapshotFailed((error as Error).message, this.#retryInMs)
      this.#want(this.#retryInMs)
    } finally {
      this.#touched = null
    }
  }

  async #compare(sessions: readonly Session[], since: Mark, touched: ReadonlySet<string>): Promise<void> {
    const here = new Map<string, number>()
    for (const domain of this.#domains) here.set(domain, 0)
    let slice = SLICE
    for (const { from, show, text, priority } of sessions) {
      const count = here.get(from.domain)
      if (count === undefined) continue
      here.set(from.domain, count + 1)
      if (--slice === 0) {
        slice = SLICE
        await this.#uptime.pause(0)
        if (!this.#uptime.lasts) return
      }
      if (touched.has(`${from.bare}/${from.resource}`) || touched.has(`${from.bare}/`)) continue
      const resource = from.resource ?? ''
      // Of several languages the API shows one of its own choice; what she said herself is better.
      if (this.#board.saidItself(from.bare, resource, show, priority)) this.#board.confirm(from.bare, resource)
      else this.#board.put(from.bare, resource, { show, text, priority, stampedAt: null, idleSince: undefined })
    }
    for (const [domain, count] of here) {
      await this.#board.settleDomain(domain, since)
      this.#observer.snapshot(domain, count)
    }
  }
}
