import type { Clock } from '../presence/clock.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import type { PrivilegedSource } from './privileged-source.js'
import type { RosterPushParts } from './push-roster.js'
import { proveRosterPrivilege } from './roster-privilege.js'
import { RosterPushes } from './roster-pushes.js'
import { Uptime } from './uptime.js'

export interface PrivilegedRostersObserver {
  /** From now on the server's rosters follow ours. */
  begun(domain: string): void
  /** It was announced that we may write rosters, and the server does not take them. Tried again with the next link. */
  unable(domain: string, why: string): void
  failing(domain: string, why: string, retryInMs: number): void
  working(domain: string): void
}

/** Writes rosters by XEP-0356, where a domain gives us that and nothing else brings them there. */
export class PrivilegedRosters {
  readonly #parts: RosterPushParts
  readonly #privileged: PrivilegedSource
  readonly #clock: Clock
  readonly #observer: PrivilegedRostersObserver
  readonly #domains: ReadonlyMap<string, RosterPushes>
  /** Where the last proof went well, on whatever link. */
  readonly #proven = new Set<string>()
  #uptime: Uptime

  /** `domains`: whose rosters are to be written where it is allowed. */
  constructor(
    domains: Iterable<string>,
    parts: RosterPushParts,
    privileged: PrivilegedSource,
    clock: Clock,
    observer: PrivilegedRostersObserver,
  ) {
    this.#parts = parts
    this.#privileged = privileged
    this.#clock = clock
    this.#observer = observer
    this.#uptime = new Uptime(clock)
    this.#domains = new Map(
      [...domains].map((domain) => [
        domain,
        new RosterPushes(domain, parts, clock, {
          failing: (why, retryInMs) => observer.failing(domain, why, retryInMs),
          working: () => observer.working(domain),
        }),
      ]),
    )
  }

  /** Privileges were announced, or taken back. */
  announced(domain: string): void {
    const pushes = this.#domains.get(domain)
    if (!pushes) return
    pushes.down()
    if (this.#privileged.writesRosters(domain)) void this.#begin(domain, pushes)
  }

  down(): void {
    this.#uptime.end()
    this.#uptime = new Uptime(this.#clock)
    for (const pushes of this.#domains.values()) pushes.down()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.down()
    await Promise.all([...this.#domains.values()].map((pushes) => pushes.stop()))
  }

  /** Her roster is another. */
  changed(user: BareJid): void {
    this.#domains.get(domainOf(user))?.changed(user)
  }

  /** The server shall be told everything of their rosters again: it may have lost them. */
  retell(users: readonly BareJid[]): void {
    for (const user of users) this.#domains.get(domainOf(user))?.changed(user, true)
  }

  /** Whether rosters of that domain are ours to write, though the link may be down for the moment. */
  writes(domain: string): boolean {
    return this.#proven.has(domain) || this.#privileged.writesRosters(domain)
  }

  async #begin(domain: string, pushes: RosterPushes): Promise<void> {
    const uptime = this.#uptime
    const { link, domains } = this.#parts
    const fault = await proveRosterPrivilege(link, domains.written(domain))
    if (!uptime.lasts || !this.#privileged.writesRosters(domain)) return
    if (fault === null) this.#proven.add(domain)
    else this.#proven.delete(domain)
    if (fault !== null) return this.#observer.unable(domain, fault)
    this.#observer.begun(domain)
    pushes.up()
  }
}
