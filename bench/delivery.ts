import type { DeliveryRun } from './programs/delivery.js'
import type { Effort } from './support/effort.js'
import type { Figure, Goal } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { withParts } from './support/with-parts.js'

const RUNS = { full: 5, short: 1 }
const SECONDS = { full: 2, short: 0.5 }

type Scene = Omit<DeliveryRun, 'seconds'>

const ONE_STREAM: Scene = {
  apps: 1,
  streamsEach: 1,
  users: 10_000,
  usersEach: 10_000,
  scope: ['status'],
  wire: 'frames',
  changesAtOnce: 500,
}
const APPS: Scene = { ...ONE_STREAM, apps: 10_000, users: 10, usersEach: 10, changesAtOnce: 1 }
const ALL_SCOPES = { scope: ['status', 'details', 'address'] } as const

const SCENES: readonly [string, Scene, Goal?][] = [
  ['one stream, batches of 500', ONE_STREAM, { atLeast: 100_000 }],
  ['one stream, batches of 500, all scopes', { ...ONE_STREAM, ...ALL_SCOPES }, { atLeast: 100_000 }],
  ['one stream of lines, batches of 500', { ...ONE_STREAM, wire: 'lines' }, { atLeast: 100_000 }],
  ['10,000 apps, each told of each change', APPS],
  ['10,000 apps, each told of each change, all scopes', { ...APPS, ...ALL_SCOPES }],
  ['100 apps, 50 changes at once', { ...ONE_STREAM, apps: 100, changesAtOnce: 50 }],
  [
    '10,000 pages that watch the same 100 users',
    { ...APPS, apps: 1, streamsEach: 10_000, users: 100, usersEach: 100, watched: 100 },
  ],
  [
    '10,000 pages, each watching its own 10 of 10,000 users',
    { ...ONE_STREAM, streamsEach: 10_000, watched: 10, changesAtOnce: 50 },
  ],
]

/** Updates a second from the log to what is handed to connections, with no connections there: what delivery itself costs. */
export async function delivery(effort: Effort): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [name, scene, goal] of SCENES) {
    const samples: number[] = []
    for (let run = 0; run < RUNS[effort]; run++) samples.push(await measure({ ...scene, seconds: SECONDS[effort] }))
    figures.push(medianFigure(name, 'updates/s', samples, goal))
  }
  return figures
}

function measure(run: DeliveryRun): Promise<number> {
  return withParts(async (opened) => {
    const program = opened(await Program.start('delivery', 'measured'))
    return program.call<number>('measure', run)
  })
}
