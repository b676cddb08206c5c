import { Agent } from 'node:http'
import { timedGet } from '../test/support/timed-get.js'
import { BenchGateway, CLOSED_DOMAIN } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { median } from './support/median.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { withParts } from './support/with-parts.js'

const USERS = 1000
const CHOOSERS = 10
const REQUESTS = { full: 5000, short: 500 }

/** Whoever asks for somebody that is not shown must not learn from the time it takes whether she exists. */
const KINDS = {
  unknown: () => `nobody${number()}@${SYNTHETIC_DOMAIN}`,
  unserved: () => `nobody${number()}@elsewhere`,
  'unpublished by her choice': () => `user${number() % CHOOSERS}@${SYNTHETIC_DOMAIN}`,
  'unpublished by her domain': () => `user${number()}@${CLOSED_DOMAIN}`,
}

/** The same number of requests of each kind, interleaved at random on one connection. */
export function notFound(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(USERS, USERS)
    for (let user = 0; user < CHOOSERS; user++) await gateway.unpublish(`user${user}@${SYNTHETIC_DOMAIN}`)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    opened({ stop: () => agent.destroy() })
    const ask = async (kind: keyof typeof KINDS) => timed(`${gateway.statusUrl}${KINDS[kind]()}`, agent)
    const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[]
    for (const kind of shuffled(kinds, REQUESTS[effort] / 5)) await ask(kind)
    const times = Object.fromEntries(kinds.map((kind) => [kind, [] as number[]]))
    for (const kind of shuffled(kinds, REQUESTS[effort])) times[kind]?.push(await ask(kind))
    const medians = kinds.map((kind) => median(times[kind] ?? []))
    const apart = (Math.max(...medians) / Math.min(...medians) - 1) * 100
    return [
      ...kinds.map((kind, i) => ({ name: `404, ${kind}, p50`, value: (medians[i] ?? 0) * 1000, unit: 'µs' })),
      { name: 'largest difference of these', value: apart, unit: '%', goal: { atMost: 10 } },
    ]
  })
}

function shuffled<T>(kinds: readonly T[], each: number): T[] {
  const all = kinds.flatMap((kind) => Array.from({ length: each }, () => ({ kind, at: Math.random() })))
  return all.sort((a, b) => a.at - b.at).map(({ kind }) => kind)
}

function number(): number {
  return Math.floor(Math.random() * USERS)
}

/** In ms. */
async function timed(url: string, agent: Agent): Promise<number> {
  const { status, ms } = await timedGet(url, { agent })
  if (status !== 404) throw new Error(`${url} was answered ${status}`)
  return ms
}
