import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { SHOWS } from '../presence/presence.js'
import type { PresenceBoard } from '../presence/presence-board.js'

export interface MetricSources {
  readonly board: PresenceBoard
  readonly linkOnline: () => boolean
  readonly storageFailing: () => boolean
  readonly unstoredUsers: () => number
  /** Of each domain whose rosters come from a web app. */
  readonly upstreams: ReadonlyMap<string, { readonly isDown: boolean; readonly owed: number }>
  /** Open ones, by transport. */
  readonly streams: () => Readonly<Record<string, number>>
  /** Of active apps, by how they stand. */
  readonly webhooks: () => Readonly<Record<string, number>>
  readonly rosterRefreshes: { readonly waiting: number; readonly faults: { readonly length: number } }
}

export interface Tally {
  add(value?: string | number, count?: number): void
}

const PREFIX = 'presence_gateway_'

/** What Prometheus reads at /metrics: what is counted here, and what is read elsewhere once it asks. */
export class Metrics {
  readonly registry = new Registry()
  readonly statusAnswers = this.#tally('status_answers_total', 'Answers to status queries by HTTP status code', 'code')
  readonly stanzasDropped = this.#tally(
    'stanzas_dropped_total',
    'Stanzas dropped: unserved domain, no active source (ungranted), nothing for us (meaningless), too-long, too-deep',
    'reason',
  )
  readonly presencesTaken = this.#tally('presences_taken_total', 'Presence stanzas taken in from trusted sources')
  readonly changes = this.#tally('changes_total', "Changes of users' visible presence")
  readonly rosterFetches = this.#tally(
    'roster_fetches_total',
    'Rosters asked of a roster.upstream: a roster, unknown-user (404), unreachable, status (not 200), invalid (no roster)',
    'outcome',
  )
  readonly staleRosters = this.#tally('stale_rosters_served_total', 'Last good copies, or none, served', 'domain')
  readonly linkLosses = this.#tally('link_losses_total', 'Attempts or connections to the XMPP server that ended')

  readonly streamsRefused = this.#tally(
    'streams_refused_total',
    'Requests for streams refused: bad-key, bad-ticket, stopped (app not active), origin (a page without a ticket), too-many (of one address), full (of all)',
    'reason',
  )
  readonly streamsEnded = this.#tally(
    'streams_ended_total',
    'Streams that ended: left, unheard, unruly (broke the protocol), stopped (app not active), replaced, too-slow, failed, shutdown',
    'reason',
  )
  readonly updatesSent = this.#tally(
    'updates_sent_total',
    'Updates written to streams after their snapshots',
    'transport',
  )
  readonly webhookCalls = this.#tally(
    'webhook_calls_total',
    'Calls of webhooks, tests included, by what was answered: 2xx and so on; none: nothing',
    'answer',
  )

  /** What stands somewhere already, and is read there. To be called once. */
  read(sources: MetricSources): void {
    const { board, linkOnline, storageFailing, unstoredUsers, upstreams, rosterRefreshes, streams, webhooks } = sources
    // Event-loop lag, memory, CPU, garbage collection.
    collectDefaultMetrics({ register: this.registry })
    this.#gauge('link_up', 'Whether the link to the XMPP server is up', () => Number(linkOnline()))
    this.#gauge('storage_failing', 'Whether storing fails', () => Number(storageFailing()))
    this.#gauge('unstored_users', 'Users whose newest presence is not stored yet', unstoredUsers)
    this.#gauge(
      'roster_refreshes_waiting',
      'Users whose changed roster Prosody has not fetched yet',
      () => rosterRefreshes.waiting,
    )
    this.#gauge(
      'roster_refreshes_failing',
      'Domains whose Prosody cannot be told of changed rosters',
      () => rosterRefreshes.faults.length,
    )
    this.#gauges('streams', 'Open streams', 'transport', () => Object.entries(streams()))
    this.#gauges('webhooks', 'Webhooks of active apps: working, failing (the last call), off', 'state', () =>
      Object.entries(webhooks()),
    )
    this.#gauges('users', 'Users by the show of their winning resource', 'show', () =>
      SHOWS.filter((show) => show !== 'unknown').map((show) => [show, board.counts[show]]),
    )
    this.#gauges('users_by_freshness', 'Users by how fresh their presence is', 'freshness', () =>
      Object.entries(board.freshnessCounts()),
    )
    this.#gauges('roster_upstream_down', 'Whether last good copies are served without asking', 'domain', () =>
      [...upstreams].map(([domain, { isDown }]) => [domain, Number(isDown)]),
    )
    this.#gauges('stale_rosters', 'Users who have a last good copy, until there is a newer one', 'domain', () =>
      [...upstreams].map(([domain, { owed }]) => [domain, owed]),
    )
    board.onChange(() => this.changes.add())
  }

  /** Counts in a plain map: prom-client's own counting takes longer than answering a status query. */
  #tally(name: string, help: string, label?: string): Tally {
    const counts = new Map<string | number, number>()
    if (label === undefined) counts.set('', 0)
    const counter: Counter = new Counter({
      name: PREFIX + name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.registry],
      collect: () => {
        counter.reset()
        for (const [value, count] of counts) counter.inc(label === undefined ? {} : { [label]: value }, count)
      },
    })
    return { add: (value = '', count = 1) => void counts.set(value, (counts.get(value) ?? 0) + count) }
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect: () => gauge.set(read()),
    })
  }

  #gauges(name: string, help: string, label: string, read: () => [string, number][]): void {
    const gauge: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: () => {
        for (const [value, count] of read()) gauge.set({ [label]: value }, count)
      },
    })
  }
}
