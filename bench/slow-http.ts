import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../test/support/child.js'
import { openConnections } from '../test/support/open-connections.js'
import { OrdinaryReader } from '../test/support/ordinary-reader.js'
import { until } from '../test/support/until.js'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { percentile } from './support/percentile.js'
import { pin } from './support/pin.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { withParts } from './support/with-parts.js'

const USERS = 1000
const CONNECTIONS = { full: 1000, short: 200 }
const SECONDS = { full: 10, short: 4 }
const MOST_SECONDS = 60

/** slowhttptest's ways: headers and bodies a bit each 2 s; answers read 5 bytes a second through a window of 10 to 20. */
const ATTACKS = {
  headers: { options: ['-H', '-i', '2'], path: `user1@${SYNTHETIC_DOMAIN}` },
  body: { options: ['-B', '-i', '2', '-s', '8192'], path: '' },
  read: {
    options: ['-X', '-w', '10', '-y', '20', '-n', '1', '-z', '5', '-k', '3'],
    path: `user1@${SYNTHETIC_DOMAIN}`,
  },
}

/** How long others wait for a status, on a kept and a fresh connection in turn, beside slow ones, and when those are gone. */
export function slowHttp(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(USERS, USERS)
    const url = `${gateway.statusUrl}user2@${SYNTHETIC_DOMAIN}`
    await waits(url, 2)
    const figures: Figure[] = [p99('status, p99', await waits(url, SECONDS[effort]))]
    for (const [name, { options, path }] of Object.entries(ATTACKS)) {
      const target = path ? gateway.statusUrl + path : gateway.statusUrl.slice(0, -1)
      const attack = opened(startAttack(options, target, CONNECTIONS[effort]))
      const begin = performance.now()
      const gone = secondsUntilGone(Number(new URL(target).port), CONNECTIONS[effort], begin)
      figures.push(p99(`status, p99, slow ${name}`, await waits(url, SECONDS[effort]), 250))
      figures.push({ name: `slow ${name}, gone after`, value: await gone, unit: 's', goal: { atMost: 15 } })
      await attack.stop()
    }
    return figures
  })
}

function p99(name: string, samples: readonly number[], atMost?: number): Figure {
  return { name, value: percentile(samples, 99), unit: 'ms', ...(atMost !== undefined && { goal: { atMost } }) }
}

function startAttack(options: readonly string[], url: string, connections: number): { stop(): Promise<unknown> } {
  const common = [
    '-c',
    String(connections),
    '-r',
    String(connections),
    '-l',
    String(MOST_SECONDS),
    '-v',
    '0',
    '-u',
    url,
  ]
  const attack = new Child('slowhttptest', [...options, ...common], {
    missing: 'slowhttptest is not installed: apt-get install -y --no-install-recommends slowhttptest',
  })
  if (attack.pid !== undefined) pin(attack.pid, 'load')
  return { stop: async () => attack.exit ?? attack.kill() }
}

/** From the start of the attack. */
async function secondsUntilGone(port: number, connections: number, begin: number): Promise<number> {
  await until(() => openConnections(port) >= connections, 10_000, 'the attack')
  // The reader's own, and what slowhttptest looks with whether the attack succeeds.
  await until(() => openConnections(port) <= 3, MOST_SECONDS * 1000, 'its end')
  return (performance.now() - begin) / 1000
}

/** In ms. */
async function waits(url: string, seconds: number): Promise<number[]> {
  const reader = new OrdinaryReader(url)
  await sleep(seconds * 1000)
  await reader.stop()
  if (reader.failures.length > 0) throw new Error(`${url} was answered ${reader.failures[0]}`)
  return reader.waits
}
