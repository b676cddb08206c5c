import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { percentile } from './support/percentile.js'
import { withParts } from './support/with-parts.js'

const USERS = 100_000
const PER_SECOND = 1000
const SAMPLE_OF = 20
const SECONDS = { full: 60, short: 5 }

/** From a stanza written by the server to the first status answer that tells it, while 1,000 users change each second. */
export function latency(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(USERS, USERS)
    const pace = { users: USERS, perSecond: PER_SECOND, sampleOf: SAMPLE_OF }
    await gateway.changeSteadily({ ...pace, seconds: 3 })
    const samples = await gateway.changeSteadily({ ...pace, seconds: SECONDS[effort] })
    return [
      { name: 'stanza → answer, p50', value: percentile(samples, 50), unit: 'ms' },
      { name: 'stanza → answer, p99', value: percentile(samples, 99), unit: 'ms', goal: { atMost: 10 } },
      { name: 'stanza → answer, slowest', value: Math.max(...samples), unit: 'ms' },
    ]
  })
}
