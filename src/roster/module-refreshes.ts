import { type BareJid, domainOf } from '../presence/jid.js'
import { isAvailable } from '../presence/presence.js'
import type { PresenceChange } from '../presence/presence-board.js'
import type { ContactJid } from './contact.js'
import type { ModuleRefresh, RefreshOutcome } from './module-refresh.js'
import type { RosterChange } from './roster-change.js'

const PAGE = 1000
const NO_CHANGE = { added: [], altered: [], removed: [] } as const

/** Keeps what Prosody's module has of every roster true, on each domain with a `refreshUrl`. */
export class ModuleRefreshes {
  readonly #modules: ReadonlyMap<string, ModuleRefresh>
  readonly #contactsOf: (user: BareJid) => Promise<Iterable<ContactJid>>
  /** Who was given her roster since she was last seen to be offline. */
  readonly #given = new Set<BareJid>()
  /** Whose contacts have another name or other groups than when she was last given them. */
  readonly #altered = new Set<BareJid>()

  constructor(
    modules: ReadonlyMap<string, ModuleRefresh>,
    contactsOf: (user: BareJid) => Promise<Iterable<ContactJid>>,
  ) {
    this.#modules = modules
    this.#contactsOf = contactsOf
  }

  changed(change: RosterChange): void {
    const module = this.#of(change.user)
    if (!module) return
    if (change.altered.length > 0) this.#altered.add(change.user)
    module.changed(change)
  }

  /** By domain, for the admin. */
  get faults(): [string, string][] {
    return [...this.#modules].flatMap(([domain, { state }]) => (state.fault === null ? [] : [[domain, state.fault]]))
  }

  /** Users whose server has not taken over a change yet. */
  get waiting(): number {
    return [...this.#modules.values()].reduce((sum, { state }) => sum + state.waiting, 0)
  }

  /** Where the domain has no module, there is nothing to do. */
  async refresh(domain: string, users: readonly BareJid[]): Promise<RefreshOutcome> {
    return (await this.#modules.get(domain)?.refresh(users)) ?? { updated: users.length, errors: 0 }
  }

  /** The module is given this user's roster now: who must be left out of it. */
  give(user: BareJid): ReadonlySet<ContactJid> | undefined {
    const module = this.#of(user)
    if (!module) return
    const hidden = module.give(user)
    this.#given.add(user)
    if (!hidden) this.#altered.delete(user)
    return hidden
  }

  /**
   * Prosody keeps rosters of some users beyond their logout (prosody/roster-module.cfg.lua says of whom, and prevents it), and
   * is then not told of changes: it says that she is not online. So whoever comes without having been given her roster is
   * refreshed; and so is who has come while the gateway was away, and waits for her roster in vain.
   */
  presenceChanged({ user, before, after }: PresenceChange): void {
    const module = this.#of(user)
    if (!module) return
    if (after === 'offline') this.#given.delete(user)
    if (isAvailable(before) || !isAvailable(after) || this.#given.has(user)) return
    this.#given.add(user)
    const refresh = (contacts: Iterable<ContactJid>) => module.changed({ user, ...NO_CHANGE, altered: [...contacts] })
    // Which contacts have altered is not kept: it might be everybody's whole roster.
    if (!this.#altered.has(user)) refresh([])
    else void this.#contactsOf(user).then(refresh, () => refresh([]))
  }

  /**
   * Everybody of whom anything is known, once: nobody told the server what changed just before a crash, and whoever has logged
   * in while the gateway was away waits for her roster in vain. `withRoster` gives them by page, after a username.
   */
  async refreshAll(
    withRoster: (domain: string, after: string, limit: number) => Promise<readonly BareJid[]>,
    seen: (domain: string) => Iterable<BareJid>,
  ): Promise<void> {
    for (const [domain, module] of this.#modules) {
      const users = new Set(seen(domain))
      for (let after = ''; ; ) {
        const page = await withRoster(domain, after, PAGE)
        for (const user of page) users.add(user)
        const last = page.at(-1)
        if (last === undefined || page.length < PAGE) break
        after = last.slice(0, last.lastIndexOf('@'))
      }
      let told = 0
      for (const user of users) {
        module.changed({ user, ...NO_CHANGE })
        // Everybody logs in now, too.
        if (++told % PAGE === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#modules.values()].map((module) => module.stop()))
  }

  #of(user: BareJid): ModuleRefresh | undefined {
    return this.#modules.get(domainOf(user))
  }
}
