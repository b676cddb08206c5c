import { setTimeout as sleep } from 'node:timers/promises'
import { residentMemory } from '../test/support/resident-memory.js'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const USERS = { full: [100_000, 1_000_000], short: [100_000] }
const SOCKETS = { full: 10_000, short: 1000 }
const MILLION = 1_000_000
const SETTLE_MS = 10_000
const CHURN = { perSecond: 1000, seconds: 600, sampleOf: 1000 }

/** Heap of the board alone, and what the whole gateway takes of the machine. */
export async function memory(effort: Effort): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const users of USERS[effort]) figures.push(...(await heap(users)), ...(await resident(users)))
  return figures
}

/** What a WebSocket takes that nothing is told. */
export async function sockets(effort: Effort): Promise<Figure[]> {
  return [await idleSocket(SOCKETS[effort])]
}

/** Each of an app of its own, which one user lets see her. */
function idleSocket(sockets: number): Promise<Figure> {
  return withParts(async (opened) => {
    const limits = { connectionsPerAddress: 2 * sockets }
    const gateway = opened(await BenchGateway.start({ limits, apps: { apps: sockets, usersOf: () => [0] } }))
    const open = async (from: number, to: number) => {
      const readers = gateway.apps.slice(from, to).map((_, i) => gateway.byKey(from + i))
      await opened(await Program.start('readers', 'load')).call('open', { port: gateway.port, readers })
      await sleep(SETTLE_MS)
      return residentMemory(gateway.pid)
    }
    // What the first of them load is not theirs.
    const before = await open(0, sockets / 10)
    const after = await open(sockets / 10, sockets)
    const bytes = (after - before) / (sockets - sockets / 10)
    return {
      name: `${sockets} idle sockets of as many apps: RSS of each`,
      value: bytes,
      unit: 'B',
      goal: { atMost: 12_000 },
    }
  })
}

function heap(users: number): Promise<Figure[]> {
  return withParts(async (opened) => {
    const program = opened(
      await Program.start('board-memory', 'measured', ['--expose-gc', '--max-old-space-size=8192']),
    )
    const { first, further } = await program.call<{ first: number; further: number }>('measure', users)
    const of = `${millions(users)} users`
    return [
      { name: `${of}: heap, the first resource of each`, value: first, unit: 'B', goal: { atMost: 400 } },
      { name: `${of}: heap, each further resource`, value: further, unit: 'B', goal: { atMost: 250 } },
    ]
  })
}

function resident(users: number): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(users, users)
    await sleep(SETTLE_MS)
    const of = `${millions(users)} users: RSS of the gateway`
    const loaded = { name: `${of} after load`, value: residentMemory(gateway.pid) / 1e6, unit: 'MB' }
    if (users < MILLION) return [loaded]
    await gateway.changeSteadily({ ...CHURN, users })
    const churned = {
      name: `${of} after 10 min at 1,000 changes/s`,
      value: residentMemory(gateway.pid) / 1e6,
      unit: 'MB',
    }
    return [
      { ...loaded, goal: { atMost: 600 } },
      { ...churned, goal: { atMost: 1000 } },
    ]
  })
}

function millions(users: number): string {
  return `${users / MILLION} M`
}
