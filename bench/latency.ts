import { setTimeout as sleep } from 'node:timers/promises'
import type { Counted } from './programs/readers.js'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { percentile } from './support/percentile.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const USERS = 100_000
const USERS_OF_APP = 10_000
const SETTLE_MS = 1000
const PER_SECOND = 1000
const SAMPLE_OF = 20
const SECONDS = { full: 60, short: 5 }

/** From a stanza written by the server to the frame that tells an app of it, while 1,000 users change each second. */
function toFrame(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const users = Array.from({ length: USERS_OF_APP }, (_, user) => user)
    const gateway = opened(
      await BenchGateway.start({ apps: { apps: 1, usersOf: () => users, scope: ['status', 'details'] } }),
    )
    const readers = opened(await Program.start('readers', 'load'))
    await readers.call('open', { port: gateway.port, readers: [gateway.byKey(0)] })
    const pace = { users: USERS_OF_APP, perSecond: PER_SECOND }
    await gateway.changeTimed({ ...pace, seconds: 3 })
    await readers.call('follow')
    const written = await gateway.changeTimed({ ...pace, seconds: SECONDS[effort] })
    await sleep(SETTLE_MS)
    const { at } = await readers.call<Counted>('counted')
    const samples = Object.entries(written).map(([n, ms]) => (at[Number(n)] ?? Number.NaN) - ms)
    if (samples.some(Number.isNaN)) throw new Error('not every change was told')
    return [
      { name: 'stanza → frame, p50', value: percentile(samples, 50), unit: 'ms' },
      { name: 'stanza → frame, p99', value: percentile(samples, 99), unit: 'ms', goal: { atMost: 10 } },
      { name: 'stanza → frame, slowest', value: percentile(samples, 100), unit: 'ms' },
    ]
  })
}

/** From a stanza written by the server to the first status answer that tells it, while 1,000 users change each second. */
export function latency(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(USERS, USERS)
    const pace = { users: USERS, perSecond: PER_SECOND, sampleOf: SAMPLE_OF }
    await gateway.changeSteadily({ ...pace, seconds: 3 })
    const samples = await gateway.changeSteadily({ ...pace, seconds: SECONDS[effort] })
    return [
      ...(await toFrame(effort)),
      { name: 'stanza → answer, p50', value: percentile(samples, 50), unit: 'ms' },
      { name: 'stanza → answer, p99', value: percentile(samples, 99), unit: 'ms', goal: { atMost: 10 } },
      { name: 'stanza → answer, slowest', value: Math.max(...samples), unit: 'ms' },
    ]
  })
}
