import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const USERS = { full: [100_000, 1_000_000], short: [100_000] }
const SETTLE_MS = 10_000

/** Heap of the board alone, and what the whole gateway takes of the machine. */
export async function memory(effort: Effort): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const users of USERS[effort]) figures.push(...(await heap(users)), await resident(users))
  return figures
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

function resident(users: number): Promise<Figure> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(users, users)
    await sleep(SETTLE_MS)
    const kibibytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1])
    const name = `${millions(users)} users: RSS of the gateway after load`
    const value = (kibibytes * 1024) / 1e6
    return users === 1_000_000 ? { name, value, unit: 'MB', goal: { atMost: 600 } } : { name, value, unit: 'MB' }
  })
}

function millions(users: number): string {
  return `${users / 1_000_000} M`
}
