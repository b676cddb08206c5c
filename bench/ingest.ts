import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const USERS = 100_000
const ROUNDS = { full: 7, short: 3 }
const PRESENCES = { full: 500_000, short: 100_000 }

/** Presences a second that the gateway takes in and stores, beside a parser that does nothing with them. Each changes a user. */
export function ingest(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const parser = opened(await Program.start('ltx-parser', 'measured'))
    const gateway = opened(await BenchGateway.start())
    const count = PRESENCES[effort]
    const round = async () => {
      const parsed = await parser.call<number>('parse', { users: USERS, count })
      const taken = await gateway.takeIn(count, USERS)
      return { parsed, taken, ratio: taken / parsed }
    }
    // The first one warms up.
    await round()
    const rounds: Awaited<ReturnType<typeof round>>[] = []
    while (rounds.length < ROUNDS[effort]) rounds.push(await round())
    const all = (what: 'parsed' | 'taken' | 'ratio') => rounds.map((round) => round[what])
    return [
      medianFigure('bare ltx parser', 'presences/s', all('parsed')),
      medianFigure('gateway, all stored', 'presences/s', all('taken')),
      medianFigure('gateway / bare ltx parser', '×', all('ratio'), { atLeast: 0.3 }),
    ]
  })
}
