import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { SHOWS } from '../presence/presence.js'
import type { PresenceBoard } from '../presence/presence-board.js'

export interface MetricSources {
  readonly board: PresenceBoard
  readonly linkOnline: () => boolean
  readonly storageFailing: () => boolean
  readonly unstoredUsers: () => number
}

/** What Prometheus reads at /metrics. Counters are kept as they happen, gauges read when asked. */
export class Metrics {
  readonly registry = new Registry()
  readonly statusAnswers = new Counter({
    name: 'presence_gateway_status_answers_total',
    help: 'Answers to status queries by HTTP status code',
    labelNames: ['code'],
    registers: [this.registry],
  })
  readonly presencesTaken = new Counter({
    name: 'presence_gateway_presences_taken_total',
    help: 'Presence stanzas taken in from trusted sources',
    registers: [this.registry],
  })
  readonly stanzasDropped = new Counter({
    name: 'presence_gateway_stanzas_dropped_total',
    help: 'Stanzas dropped: unserved domain, no active source (ungranted), nothing for us (meaningless), too-long, too-deep',
    labelNames: ['reason'],
    registers: [this.registry],
  })
  readonly changes = new Counter({
    name: 'presence_gateway_changes_total',
    help: "Changes of users' visible presence",
    registers: [this.registry],
  })
  readonly linkLosses = new Counter({
    name: 'presence_gateway_link_losses_total',
    help: 'Attempts or connections to the XMPP server that ended',
    registers: [this.registry],
  })

  constructor({ board, linkOnline, storageFailing, unstoredUsers }: MetricSources) {
    const { registry } = this
    // Event-loop lag, memory, CPU, garbage collection.
    collectDefaultMetrics({ register: registry })
    gauge('presence_gateway_link_up', 'Whether the link to the XMPP server is up', () => Number(linkOnline()))
    gauge('presence_gateway_storage_failing', 'Whether storing fails', () => Number(storageFailing()))
    gauge('presence_gateway_unstored_users', 'Users whose newest presence is not stored yet', unstoredUsers)
    const users = new Gauge({
      name: 'presence_gateway_users',
      help: 'Users by the show of their winning resource',
      labelNames: ['show'],
      registers: [registry],
      collect: () => {
        for (const show of SHOWS) if (show !== 'unknown') users.set({ show }, board.counts[show])
      },
    })
    const freshness = new Gauge({
      name: 'presence_gateway_users_by_freshness',
      help: 'Users by how fresh their presence is: live, stale, unknown',
      labelNames: ['freshness'],
      registers: [registry],
      collect: () => {
        for (const [name, count] of Object.entries(board.freshnessCounts())) freshness.set({ freshness: name }, count)
      },
    })
    board.onChange(() => this.changes.inc())

    function gauge(name: string, help: string, read: () => number): void {
      const metric: Gauge = new Gauge({ name, help, registers: [registry], collect: () => metric.set(read()) })
    }
  }
}
