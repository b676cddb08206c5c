import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const USERS = 100_000
const ROUNDS = { full: 7, short: 3 }
// Of each, in turns: a machine that others use as well is fast for some seconds and slow for others.
const TURNS_OF_ROUND = { full: 2, short: 1 }
const PRESENCES = { full: 250_000, short: 100_000 }

/**
 * Presences a second that the gateway takes in and stores, and that it would take in without storing, beside parsers that do
 * nothing with them. Each changes a user.
 */
export function ingest(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const parser = opened(await Program.start('ltx-parser', 'measured'))
    const unstored = opened(await Program.start('unstored', 'measured'))
    const gateway = opened(await BenchGateway.start())
    const count = PRESENCES[effort]
    const load = { users: USERS, count }
    const runs = {
      ltx: () => parser.call<number>('ltx', load),
      xmppXml: () => parser.call<number>('xmppXml', load),
      unstored: () => unstored.call<number>('takeIn', load),
      stored: () => gateway.takeIn(count, USERS),
    }
    const names = Object.keys(runs) as (keyof typeof runs)[]
    /** Presences a second. */
    const round = async () => {
      const seconds = { ltx: 0, xmppXml: 0, unstored: 0, stored: 0 }
      for (let turn = 0; turn < TURNS_OF_ROUND[effort]; turn++) {
        for (const name of names) seconds[name] += count / (await runs[name]())
      }
      const rate = (name: keyof typeof runs) => (TURNS_OF_ROUND[effort] * count) / seconds[name]
      return { ltx: rate('ltx'), xmppXml: rate('xmppXml'), unstored: rate('unstored'), stored: rate('stored') }
    }
    // The first one warms up.
    await round()
    const rounds: Awaited<ReturnType<typeof round>>[] = []
    while (rounds.length < ROUNDS[effort]) rounds.push(await round())
    const all = (what: keyof (typeof rounds)[0]) => rounds.map((round) => round[what])
    const ratio = (what: 'unstored' | 'stored', to: 'ltx' | 'xmppXml') => rounds.map((round) => round[what] / round[to])
    return [
      medianFigure('bare ltx parser', 'presences/s', all('ltx')),
      medianFigure("@xmpp/xml's parser on ltx", 'presences/s', all('xmppXml')),
      medianFigure('stream to board, not stored', 'presences/s', all('unstored')),
      medianFigure('gateway, all stored', 'presences/s', all('stored')),
      medianFigure('not stored / bare ltx parser', '×', ratio('unstored', 'ltx'), { atLeast: 0.45 }),
      medianFigure('gateway / bare ltx parser', '×', ratio('stored', 'ltx'), { atLeast: 0.3 }),
      medianFigure("not stored / @xmpp/xml's", '×', ratio('unstored', 'xmppXml')),
      medianFigure("gateway / @xmpp/xml's", '×', ratio('stored', 'xmppXml')),
    ]
  })
}
