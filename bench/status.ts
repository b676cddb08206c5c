import { once } from 'node:events'
import { get } from 'node:http'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { type LoadTarget, requestLoad } from './support/request-load.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { startWebPresence } from './support/web-presence.js'
import { withParts } from './support/with-parts.js'

const USERS = 100_000
const RUNS = { full: 7, short: 3 }
// Of each, in turns: a machine that others use as well is fast for some seconds and slow for others.
const SECONDS_OF_RUN = { full: 4, short: 1 }
// Node adds these by itself.
const ADDED_BY_NODE = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding'])

/** Status queries for random users, against the same answer given by others. Runs take turns, and ratios are of neighbours. */
export function status(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start())
    await gateway.takeIn(USERS, USERS)
    const bare = opened(await Program.start('bare-http', 'measured'))
    const koa = opened(await Program.start('koa-twin', 'measured'))
    const webPresence = opened(await startWebPresence())
    const at = (port: number): LoadTarget => ({
      origin: `http://127.0.0.1:${port}`,
      path: `/xmpp/status/user%d@${SYNTHETIC_DOMAIN}`,
      users: USERS,
      host: '127.0.0.1',
    })
    const barePort = await bare.call<number>('listen', await sampleAnswer(gateway.statusUrl))
    const targets = {
      bare: at(barePort),
      gateway: at(Number(new URL(gateway.statusUrl).port)),
      koa: at(await koa.call<number>('listen', USERS)),
      webPresence: webPresence.target,
    }
    const names = Object.keys(targets) as (keyof typeof targets)[]
    const rates: Record<keyof typeof targets, number[]> = { bare: [], koa: [], gateway: [], webPresence: [] }
    for (let run = -1; run < RUNS[effort]; run++) {
      const sums: Record<keyof typeof targets, number> = { bare: 0, koa: 0, gateway: 0, webPresence: 0 }
      for (let second = 0; second < SECONDS_OF_RUN[effort]; second++) {
        for (const name of names) sums[name] += await requestLoad(targets[name], 1)
      }
      // The first one warms up.
      if (run >= 0) for (const name of names) rates[name].push(sums[name] / SECONDS_OF_RUN[effort])
    }
    const ratio = (a: keyof typeof rates, b: keyof typeof rates): number[] =>
      rates[a].map((rate, run) => rate / (rates[b][run] ?? Number.NaN))
    return [
      medianFigure('bare node:http', 'requests/s', rates.bare),
      medianFigure('koa and its router', 'requests/s', rates.koa),
      medianFigure('gateway', 'requests/s', rates.gateway),
      medianFigure('mod_webpresence', 'requests/s', rates.webPresence),
      medianFigure('koa and its router / bare', '×', ratio('koa', 'bare')),
      medianFigure('gateway / bare', '×', ratio('gateway', 'bare'), { atLeast: 0.9 }),
      medianFigure('gateway / mod_webpresence', '×', ratio('gateway', 'webPresence'), { atLeast: 4 }),
    ]
  })
}

/** The headers that the gateway sends and a body as long as its; numbers of users differ by a digit or two. */
async function sampleAnswer(statusUrl: string): Promise<{ headers: string[]; body: string }> {
  const [response] = await once(get(`${statusUrl}user${USERS / 2}@${SYNTHETIC_DOMAIN}`), 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  const raw: string[] = response.rawHeaders
  const headers = raw.filter((_, i) => !ADDED_BY_NODE.has((raw[i - (i % 2)] ?? '').toLowerCase()))
  return { headers, body }
}
