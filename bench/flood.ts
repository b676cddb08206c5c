import { setTimeout as sleep } from 'node:timers/promises'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure, Goal } from './support/figure.js'
import { percentile } from './support/percentile.js'
import { Program } from './support/program.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { withParts } from './support/with-parts.js'

const USERS = { full: 100_000, short: 20_000 }
const FLOODERS = 10
const BYTES_A_SECOND = 200 * 1024
// Many that are taken in, some that are just short enough, one that is skipped.
const STANZA_KIB = [1, 50, 200]
const SECONDS = { full: 20, short: 4 }
const STORED_WITHIN_MS = 1000
const LAST = `last@${SYNTHETIC_DOMAIN}`

/** How long everything else waits while a few users say far too much, and while all users come back at once. */
export function flood(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    const watch = opened(await Program.start('status-watch', 'load'))
    const users = USERS[effort]
    await gateway.takeIn(users, users)
    await gateway.say(`<presence from='${LAST}/r' to='presence.localhost'/>`)

    const beside = async (what: string, run: () => Promise<unknown>, goal?: Goal): Promise<Figure[]> => {
      await gateway.lag()
      await watch.call('begin', { statusUrl: gateway.statusUrl, users })
      await run()
      const waits = await watch.call<number[]>('end')
      const { p99, max } = await gateway.lag()
      return [
        { name: `${what}: event loop late, p99`, value: p99, unit: 'ms', ...(goal && { goal }) },
        { name: `${what}: event loop late, longest`, value: max, unit: 'ms' },
        { name: `${what}: status query, p99`, value: percentile(waits, 99), unit: 'ms' },
      ]
    }

    const figures: Figure[] = []
    for (const kib of STANZA_KIB) {
      const burst = { users: FLOODERS, bytes: BYTES_A_SECOND, stanzaBytes: kib * 1024, seconds: SECONDS[effort] }
      const what = `${FLOODERS} users, 200 KiB/s each, ${kib} KiB a stanza`
      figures.push(...(await beside(what, () => gateway.burst(burst), { atMost: 50 })))
    }
    const storms: [string, () => Promise<void>][] = [
      ['lose the link and come back', () => comeBack(gateway, users)],
      ['leave and return on one link', () => gateway.leaveAndReturn(users)],
    ]
    for (const [what, storm] of storms) {
      let seconds = 0
      const name = `${users / 1000},000 users ${what}`
      const late = await beside(name, async () => {
        const begin = performance.now()
        await storm()
        seconds = (performance.now() - begin) / 1000
        await sleep(STORED_WITHIN_MS)
      })
      figures.push(...late, { name: `${name}: until all are live`, value: seconds, unit: 's' })
    }
    return figures
  })
}

/** Until the one who did not come back is told so: the newest user, who is gone through last. */
async function comeBack(gateway: BenchGateway, users: number): Promise<void> {
  await gateway.comeBack(users)
  const told = async () => (await fetch(`${gateway.statusUrl}${LAST}.json`)).json() as Promise<Record<string, string>>
  for (let last = await told(); last.show !== 'offline' || last.freshness !== 'live'; last = await told())
    await sleep(10)
}
