import type { ReaderOf, Round } from './programs/readers.js'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { median } from './support/median.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { seededUid } from './support/seed-apps.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { withParts } from './support/with-parts.js'

const SOCKETS = { full: 10_000, short: 1000 }
const ROUNDS = { full: 40, short: 5 }
const WARM_UP = 5
const USER = `user0@${SYNTHETIC_DOMAIN}`
const LIMITS = { connectionsPerAddress: 20_000 }

type Tell = () => Promise<void>

/** One change to ten thousand sockets: frames a second from the first that arrives to the last, beside ws with nothing behind it. */
export async function fanout(effort: Effort): Promise<Figure[]> {
  const sockets = SOCKETS[effort]
  const each = await plain(effort, 'sendEach')
  const shared = await plain(effort, 'writeShared')
  const apps = await byApps(effort)
  const pages = await byPages(effort)
  const of = `${sockets} sockets`
  return [
    medianFigure(`${of}, ws.send to each`, 'frames/s', each),
    medianFigure(`${of} of as many apps`, 'frames/s', apps),
    ratio('apps to ws.send', apps, each),
    medianFigure(`${of}, the same buffer written to each`, 'frames/s', shared),
    medianFigure(`${of} of pages that watch the same user`, 'frames/s', pages),
    ratio('pages to the same buffer', pages, shared),
  ]
}

function ratio(name: string, ours: readonly number[], theirs: readonly number[]): Figure {
  return { name, value: median(ours) / median(theirs), unit: '', goal: { atLeast: 0.9 } }
}

function byApps(effort: Effort): Promise<number[]> {
  return withParts(async (opened) => {
    const apps = SOCKETS[effort]
    const gateway = opened(await BenchGateway.start({ limits: LIMITS, apps: { apps, usersOf: () => [0] } }))
    const readers = gateway.apps.map(({ appid, key }) => ({ path: `/${appid}`, key }))
    return rounds(opened(await Program.start('readers', 'load')), gateway.port, readers, changing(gateway), effort)
  })
}

function byPages(effort: Effort): Promise<number[]> {
  return withParts(async (opened) => {
    const gateway = opened(await BenchGateway.start({ limits: LIMITS, apps: { apps: 1, usersOf: () => [0] } }))
    const [{ appid, key } = { appid: '', key: '' }] = gateway.apps
    const answer = await fetch(`${gateway.url}/${appid}/tickets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}` },
      body: JSON.stringify({ uids: [seededUid(0, 0)] }),
    })
    const { ticket } = (await answer.json()) as { ticket: string }
    const readers = Array.from({ length: SOCKETS[effort] }, () => ({ path: `/${appid}?ticket=${ticket}`, key: null }))
    return rounds(opened(await Program.start('readers', 'load')), gateway.port, readers, changing(gateway), effort)
  })
}

function plain(effort: Effort, how: 'sendEach' | 'writeShared'): Promise<number[]> {
  return withParts(async (opened) => {
    const program = opened(await Program.start('plain-sockets', 'measured'))
    const port = await program.call<number>('listen')
    const readers = Array.from({ length: SOCKETS[effort] }, () => ({ path: '/', key: null }))
    return rounds(opened(await Program.start('readers', 'load')), port, readers, () => program.call(how), effort)
  })
}

/** Another status of the one whom all may see. */
function changing(gateway: BenchGateway): Tell {
  let turn = 0
  return () =>
    gateway.say(
      `<presence from='${USER}/r' to='presence.localhost'>${turn++ % 2 ? '' : '<show>away</show>'}</presence>`,
    )
}

async function rounds(
  program: Program,
  port: number,
  readers: readonly ReaderOf[],
  tell: Tell,
  effort: Effort,
): Promise<number[]> {
  await program.call('open', { port, readers })
  const rates: number[] = []
  for (let round = 0; round < WARM_UP + ROUNDS[effort]; round++) {
    const heard = program.call<Round>('round')
    await tell()
    const { ms } = await heard
    if (round >= WARM_UP) rates.push(readers.length / (ms / 1000))
  }
  return rates
}
