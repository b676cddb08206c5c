import { setTimeout as sleep } from 'node:timers/promises'
import type { Counted } from './programs/readers.js'
import { BenchGateway } from './support/bench-gateway.js'
import { cpuMs } from './support/cpu-ms.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { percentile } from './support/percentile.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const APPS = 100
const USERS = 10_000
// Each user lets ten apps see her.
const EVERY = 10
const PER_SECOND = 10_000
const SECONDS = { full: 30, short: 4 }
const SETTLE_MS = 1000

/** Ten thousand changes a second, each told to ten apps of a hundred. */
export function changes(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const usersOf = (app: number) => Array.from({ length: USERS / EVERY }, (_, n) => n * EVERY + (app % EVERY))
    const limits = { connectionsPerAddress: APPS }
    const scope = ['status', 'details'] as const
    const gateway = opened(await BenchGateway.start({ limits, apps: { apps: APPS, usersOf, scope } }))
    const readers = opened(await Program.start('readers', 'load'))
    await readers.call('open', { port: gateway.port, readers: gateway.apps.map((_, app) => gateway.byKey(app)) })
    const pace = { users: USERS, perSecond: PER_SECOND }
    await gateway.changeTimed({ ...pace, seconds: 2 })
    await readers.call('follow')
    await gateway.lag()
    const [cpu, begin] = [cpuMs(gateway.pid), performance.now()]
    const written = await gateway.changeTimed({ ...pace, seconds: SECONDS[effort] })
    const busy = (cpuMs(gateway.pid) - cpu) / (performance.now() - begin)
    const late = await gateway.lag()
    await sleep(SETTLE_MS)
    const { at, updates } = await readers.call<Counted>('counted')
    const samples = Object.entries(written).map(([n, ms]) => (at[Number(n)] ?? Number.NaN) - ms)
    const told = samples.filter((ms) => !Number.isNaN(ms))
    return [
      { name: '10,000 changes/s to 10 apps each: told', value: updates / SECONDS[effort], unit: 'updates/s' },
      { name: 'share of a core', value: busy, unit: '' },
      { name: 'stanza → last of its frames, p50', value: percentile(told, 50), unit: 'ms' },
      { name: 'stanza → last of its frames, p99', value: percentile(told, 99), unit: 'ms' },
      { name: 'changes overtaken by a newer one of the same user', value: samples.length - told.length, unit: '' },
      { name: 'event loop late, p99', value: late.p99, unit: 'ms' },
    ]
  })
}
