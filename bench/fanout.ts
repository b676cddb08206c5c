import { setTimeout as sleep } from 'node:timers/promises'
import type { Counted, ReaderOf } from './programs/readers.js'
import { BenchGateway } from './support/bench-gateway.js'
import { cpuMs } from './support/cpu-ms.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { seededUid } from './support/seed-apps.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { type Opened, withParts } from './support/with-parts.js'

const SOCKETS = { full: 10_000, short: 1000 }
const ROUNDS = { full: 40, short: 8 }
const WARM_UP = 5
// Whoever is busy for less than a tenth of the time has done what was to be done.
const LOOK_EVERY_MS = 50
const REST_MS = 5
const USERS = 10_000
const CHANGES = { full: 200_000, short: 20_000 }
const STREAMS = 10
const LIMITS = { connectionsPerAddress: 20_000, streamsPerApp: STREAMS }
const GOAL = { atLeast: 0.9 }

/** Something that tells all its sockets of one change, and whoever counts the frames. */
interface Teller {
  readonly pid: number
  readonly readers: Program
  readonly sockets: number
  readonly tell: () => Promise<void>
}

/**
 * What it takes to tell ten thousand sockets of one change, beside ws with nothing behind it: frames in a second of the processor.
 * Whoever reads them sleeps meanwhile. Awake, a reader that keeps up has to be woken for each frame, so that whoever is a little
 * slower seems much slower; frames by the clock say nothing either, for as fast as the reader both are the same.
 */
export async function fanout(effort: Effort): Promise<Figure[]> {
  const sockets = SOCKETS[effort]
  const of = `${sockets} sockets`
  const apps = await compared(effort, 'sendEach', (opened) => byApps(opened, sockets))
  const pages = await compared(effort, 'writeShared', (opened) => byPages(opened, sockets))
  return [
    medianFigure(`${of}, ws.send to each`, 'frames/s', apps.plain),
    medianFigure(`${of} of as many apps`, 'frames/s', apps.ours),
    medianFigure('apps to ws.send', '', apps.ratios, GOAL),
    medianFigure(`${of}, the same buffer written to each`, 'frames/s', pages.plain),
    medianFigure(`${of} of pages that watch the same user`, 'frames/s', pages.ours),
    medianFigure('pages to the same buffer', '', pages.ratios, GOAL),
    await oneApp(effort),
  ]
}

/** In turns, so that whatever else goes on in the machine is the same for both. */
function compared(effort: Effort, how: 'sendEach' | 'writeShared', build: (opened: Opened) => Promise<Teller>) {
  return withParts(async (opened) => {
    const plain = await plainSockets(opened, SOCKETS[effort], how)
    const ours = await build(opened)
    const rates: { plain: number[]; ours: number[]; ratios: number[] } = { plain: [], ours: [], ratios: [] }
    for (let round = 0; round < WARM_UP + ROUNDS[effort]; round++) {
      const theirs = await rateOf(plain)
      const own = await rateOf(ours)
      if (round < WARM_UP) continue
      rates.plain.push(theirs)
      rates.ours.push(own)
      rates.ratios.push(own / theirs)
    }
    return rates
  })
}

async function rateOf({ pid, readers, sockets, tell }: Teller): Promise<number> {
  await readers.call('expect')
  readers.pause()
  const begin = cpuMs(pid)
  await tell()
  let before: number
  let end = begin
  do {
    before = cpuMs(pid)
    await sleep(LOOK_EVERY_MS)
    end = cpuMs(pid)
  } while (end - before > REST_MS)
  readers.resume()
  await readers.call('everybody')
  return sockets / ((end - begin) / 1000)
}

async function plainSockets(opened: Opened, sockets: number, how: 'sendEach' | 'writeShared'): Promise<Teller> {
  const program = opened(await Program.start('plain-sockets', 'measured'))
  const port = await program.call<number>('listen')
  const readers = await reading(opened, port, new Array<ReaderOf>(sockets).fill({ path: '/', key: null }))
  return { pid: program.pid, readers, sockets, tell: () => program.call(how) }
}

async function byApps(opened: Opened, sockets: number): Promise<Teller> {
  const gateway = opened(await BenchGateway.start({ limits: LIMITS, apps: { apps: sockets, usersOf: () => [0] } }))
  const readers = await reading(
    opened,
    gateway.port,
    gateway.apps.map((_, app) => gateway.byKey(app)),
  )
  return { pid: gateway.pid, readers, sockets, tell: changing(gateway) }
}

async function byPages(opened: Opened, sockets: number): Promise<Teller> {
  const gateway = opened(await BenchGateway.start({ limits: LIMITS, apps: { apps: 1, usersOf: () => [0] } }))
  const page = await gateway.byTicket(0, [seededUid(0, 0)])
  const readers = await reading(opened, gateway.port, new Array<ReaderOf>(sockets).fill(page))
  return { pid: gateway.pid, readers, sockets, tell: changing(gateway) }
}

/** Ten thousand users who change as fast as the server can say it, told to ten streams. */
function oneApp(effort: Effort): Promise<Figure> {
  return withParts(async (opened) => {
    const users = Array.from({ length: USERS }, (_, user) => user)
    const gateway = opened(
      await BenchGateway.start({
        limits: LIMITS,
        apps: { apps: 1, usersOf: () => users, scope: ['status', 'details'] },
      }),
    )
    const readers = await reading(opened, gateway.port, new Array<ReaderOf>(STREAMS).fill(gateway.byKey(0)))
    await gateway.takeIn(USERS, USERS)
    await readers.call('count')
    const changes = CHANGES[effort]
    const perSecond = await gateway.takeIn(changes, USERS)
    const { updates } = await readers.call<Counted>('counted')
    return { name: `one app with ${STREAMS} streams`, value: (updates / changes) * perSecond, unit: 'updates/s' }
  })
}

async function reading(opened: Opened, port: number, readers: readonly ReaderOf[]): Promise<Program> {
  const program = opened(await Program.start('readers', 'load'))
  await program.call('open', { port, readers })
  return program
}

/** Another status of the one whom all may see. */
function changing(gateway: BenchGateway): () => Promise<void> {
  const from = `user0@${SYNTHETIC_DOMAIN}/r`
  let turn = 0
  return () =>
    gateway.say(`<presence from='${from}' to='presence.localhost'>${turn++ % 2 ? '' : '<show>away</show>'}</presence>`)
}
