import { getHeapStatistics } from 'node:v8'
import type Router from '@koa/router'
import type { Config } from '../config.js'
import { RosterEndpoint } from '../http/roster-endpoint.js'
import { RosterTokens } from '../http/roster-tokens.js'
import { type RefreshOutcome, rosterRoutes } from '../http/routes/rosters.js'
import { UndiciHttpClient } from '../http/undici-http-client.js'
import type { Log } from '../ops/log.js'
import type { Metrics } from '../ops/metrics.js'
import type { Clock } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import { COMPONENT_CONTACT } from '../roster/component-contact.js'
import { ModuleRefresh } from '../roster/module-refresh.js'
import { ModuleRefreshes } from '../roster/module-refreshes.js'
import { Rosters } from '../roster/rosters.js'
import { ServedRosters } from '../roster/served-rosters.js'
import { UpstreamRosters } from '../roster/upstream-rosters.js'
import type { Storage } from '../storage/storage.js'
import type { Link } from '../xmpp/link.js'
import { PrivilegedRosters } from '../xmpp/privileged-rosters.js'
import type { PrivilegedSource } from '../xmpp/privileged-source.js'
import type { SubscriptionSource } from '../xmpp/subscription-source.js'
import { RosterControl } from './roster-control.js'

export interface RosterSideParts {
  readonly config: Config
  readonly storage: Pick<Storage, 'rosters' | 'rosterCopies' | 'rosterPushes'>
  readonly board: PresenceBoard
  readonly domains: Domains
  readonly clock: Clock
  readonly log: Log
  readonly fraction: () => number
  readonly metrics: Pick<Metrics, 'rosterFetches' | 'staleRosters'>
}

// A connection on which nothing happens for ten is cut off.
const REFRESHED_WITHIN_MS = 8000
// Those of a hundred thousand users with fifty contacts take 350 MB; twice this at most, and of a small heap a fifth.
const MOST_RECENT_BYTES = 384 * 1024 * 1024

/** Rosters: where they come from, who is given them, and how the server learns of changes. */
export class RosterSide {
  readonly rosters: Rosters
  readonly upstreams: ReadonlyMap<string, UpstreamRosters>
  readonly refreshes: ModuleRefreshes
  /** What is in every roster by itself; null: nobody. An account is in those of its contacts only. */
  readonly component: { readonly jid: string; readonly name: string } | null
  /** For koa. */
  readonly routes: readonly ((router: Router) => void)[]
  /** For the control socket. */
  readonly control: RosterControl
  readonly #tokens: RosterTokens
  readonly #parts: RosterSideParts
  readonly #calls: UndiciHttpClient
  #written: PrivilegedRosters | null = null

  constructor(parts: RosterSideParts) {
    const { config, storage, board, domains, clock } = parts
    this.#parts = parts
    this.#calls = new UndiciHttpClient(clock)
    const injects = config.roster.injectComponent && config.xmpp.connection === 'component'
    this.component = injects ? { jid: config.xmpp.domain, name: COMPONENT_CONTACT.name ?? '' } : null
    this.rosters = new Rosters(storage.rosters, this.component?.jid ?? null)
    this.upstreams = new Map(
      [...config.domains].flatMap(([domain, { roster }]) =>
        roster.upstream ? [[domain, this.#upstream(domain, roster.upstream)]] : [],
      ),
    )
    const modules = new Map<string, ModuleRefresh>()
    for (const [domain, { roster }] of config.domains) {
      if (roster.refreshUrl) modules.set(domain, this.#module(domain, roster.refreshUrl, roster.refreshHost))
    }
    this.refreshes = new ModuleRefreshes(modules, async (user) =>
      (await (this.upstreams.get(domainOf(user))?.lastGood(user) ?? this.rosters.contacts(user))).keys(),
    )
    this.rosters.onChange((change) => this.refreshes.changed(change))
    board.onChange((change) => this.refreshes.presenceChanged(change))
    this.#tokens = new RosterTokens(config.roster.tokens)
    const offered = {
      rosters: this.rosters,
      domains,
      tokens: this.#tokens,
      isKeptHere: (domain: string) => this.isKeptHere(domain),
      component: this.component?.jid ?? null,
      refresh: (domain: string, users: readonly BareJid[]) => this.refresh(domain, users),
    }
    this.routes = [(router) => rosterRoutes(router, offered)]
    this.control = new RosterControl(offered)
  }

  isKeptHere(domain: string): boolean {
    return !this.upstreams.has(domain)
  }

  /** By XEP-0356, on the domains where no module fetches them. */
  writeOver(link: Link, privileged: PrivilegedSource, subscriptions: SubscriptionSource): PrivilegedRosters {
    const { config, storage, domains, clock, log } = this.#parts
    const written = new PrivilegedRosters(
      [...config.domains].flatMap(([name, { roster }]) => (roster.refreshUrl || !this.isKeptHere(name) ? [] : [name])),
      {
        link,
        domains,
        rosters: storage.rosters,
        store: storage.rosterPushes,
        component: this.component && { jid: this.component.jid, contact: COMPONENT_CONTACT },
        rostered: (user) => subscriptions.rostered(user),
        refused: (user, contact, why) => log.warn({ user, contact, why }, 'the server does not take this contact'),
      },
      privileged,
      clock,
      {
        begun: (domain) => log.info({ domain }, 'rosters are written by privilege (XEP-0356)'),
        unable: (domain, why) =>
          log.warn({ domain, why }, 'the server announces that rosters may be written, and fails'),
        failing: (domain, why, retryInMs) => log.warn({ domain, why, retryInMs }, 'rosters cannot be written'),
        working: (domain) => log.info({ domain }, 'rosters are written again'),
      },
    )
    this.rosters.onChange(({ user }) => written.changed(user))
    this.#written = written
    return written
  }

  /** Where servers fetch them. `rostered`: told of whoever has the component in her roster by being served it. */
  endpoint(rostered: (user: BareJid) => void, failed: (error: unknown) => void): RosterEndpoint {
    const { domains } = this.#parts
    const served = new ServedRosters({
      sources: new Map([...domains].map((domain) => [domain, this.upstreams.get(domain) ?? this.rosters])),
      recentBytes: Math.min(MOST_RECENT_BYTES, getHeapStatistics().heap_size_limit / 10),
      component: this.component && { ...this.component, jid: domains.written(this.component.jid) },
      // Servers know a domain by the spelling of the configuration only.
      address: [...domains].some((domain) => domains.written(domain) !== domain)
        ? (contact) => (contact.includes('@') ? domains.address(contact as BareJid) : domains.written(contact))
        : null,
      hidden: (user) => this.refreshes.give(user),
      // Where we write rosters it is not asked for to be given to her.
      rostered: (user) => {
        if (!this.#written?.writes(domainOf(user))) rostered(user)
      },
      failed,
    })
    return new RosterEndpoint(served, this.#tokens, [...domains][0] ?? '', this.#parts.clock)
  }

  /**
   * Makes the server take over the rosters of these users as they are now, wherever they are. Whoever it did not within
   * eight seconds counts as an error; it is tried on.
   */
  refresh(domain: string, users: readonly BareJid[]): Promise<RefreshOutcome> {
    return new Promise((resolve, reject) => {
      const late = this.#parts.clock.after(REFRESHED_WITHIN_MS, () => resolve({ updated: 0, errors: users.length }))
      this.#refresh(domain, users)
        .finally(() => late.cancel())
        .then(resolve, reject)
    })
  }

  async #refresh(domain: string, users: readonly BareJid[]): Promise<RefreshOutcome> {
    const fetched = await this.upstreams.get(domain)?.refetch(users)
    this.#written?.retell(users)
    const told = await this.refreshes.refresh(domain, users)
    const updated = Math.min(fetched?.updated ?? told.updated, told.updated)
    return { updated, errors: users.length - updated }
  }

  /** Whatever changed while nobody could tell the server. */
  refreshAll(): Promise<void> {
    return this.refreshes.refreshAll(
      (domain, after, limit) => this.rosters.users(domain, after, limit),
      (domain) => this.#parts.board.usersOf(domain),
    )
  }

  async stop(): Promise<void> {
    await this.#written?.stop()
    await Promise.all([...this.upstreams.values()].map((upstream) => upstream.stop()))
    await this.#calls.close()
  }

  #upstream(domain: string, url: string): UpstreamRosters {
    const { storage, clock, fraction, log, metrics } = this.#parts
    const component = this.component?.jid ?? null
    return new UpstreamRosters(
      url,
      { http: this.#calls, copies: storage.rosterCopies, clock, component, fraction },
      {
        changed: (change) => this.refreshes.changed(change),
        fetched: (outcome) => metrics.rosterFetches.add(outcome),
        servedStale: () => metrics.staleRosters.add(domain),
        complaint: (user, what) => log.warn({ user, what }, "something is wrong with the upstream's roster"),
        down: (why) => log.warn({ domain, why }, "the rosters' upstream fails; last good copies are served"),
        up: () => log.info({ domain }, "the rosters' upstream works again"),
      },
    )
  }

  #module(domain: string, url: string, host: string): ModuleRefresh {
    const { clock, fraction, log } = this.#parts
    const faultChanged = (why: string | null) => {
      if (why === null) log.info({ domain }, 'Prosody fetches rosters again')
      else log.warn({ domain, why }, 'Prosody cannot be told to fetch rosters again; it is tried until it can')
    }
    return new ModuleRefresh({ url, host }, this.#calls, clock, fraction, faultChanged)
  }
}
