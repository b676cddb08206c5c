import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { residentMemory } from '../test/support/resident-memory.js'
import { BenchGateway } from './support/bench-gateway.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { type LoadTarget, timedLoad } from './support/request-load.js'
import { SYNTHETIC_DOMAIN as DOMAIN } from './support/synthetic-presence.js'
import { withParts } from './support/with-parts.js'

const USERS = { full: 100_000, short: 5_000 }
const CONTACTS = 50
const RUNS = { full: 7, short: 3 }
const SECONDS = { full: 4, short: 1 }
const REFRESHED = 10_000
const TOKEN = 'bench'
const AUTHORIZATION = `Basic ${Buffer.from(`gateway:${TOKEN}`).toString('base64')}`
// Node adds these by itself.
const ADDED_BY_NODE = new Set(['date', 'connection', 'transfer-encoding'])

/** Rosters of fifty contacts: taken over from a file, and served to a server whose users log in, against the same bytes from node. */
export function roster(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const users = USERS[effort]
    const module = opened(await Program.start('roster-module', 'load'))
    const refreshUrl = `http://127.0.0.1:${await module.call<number>('listen')}/roster_admin/refresh`
    const gateway = opened(
      await BenchGateway.start({ domain: { roster: { refreshUrl } }, roster: { tokens: [TOKEN] } }),
    )
    const { pid } = gateway
    await module.call('fetchFrom', { url: `${gateway.url}/roster/${DOMAIN}/`, authorization: AUTHORIZATION })
    const before = residentMemory(pid) / 1e6
    const seconds = await importRosters(gateway, users)
    const imported = residentMemory(pid) / 1e6
    await gateway.untilRefreshed()
    const refreshed = await refresh(gateway, module, Math.min(REFRESHED, users))
    const bare = opened(await Program.start('bare-http', 'measured'))
    await gateway.takeIn(users, users)
    const sample = await sampleAnswer(`${gateway.url}/roster/${DOMAIN}/user${users / 2}`)
    const at = (origin: string, path: string): LoadTarget => {
      return { origin, path, users, host: '127.0.0.1', authorization: AUTHORIZATION }
    }
    const path = `/roster/${DOMAIN}/user%d`
    const mirror = opened(await Program.start('bare-http', 'measured'))
    const mirrored = await mirror.call<number>('mirror', {
      headers: sample.headers.filter((_, i) => (sample.headers[i - (i % 2)] ?? '').toLowerCase() !== 'content-length'),
      origin: gateway.url,
      paths: Array.from({ length: users }, (_, user) => path.replace('%d', String(user))),
      authorization: AUTHORIZATION,
    })
    const targets = {
      bare: at(`http://127.0.0.1:${await bare.call<number>('listen', sample)}`, path),
      gateway: at(gateway.url, path),
      mirror: at(`http://127.0.0.1:${mirrored}`, path),
      status: at(gateway.url, `/xmpp/status/user%d@${DOMAIN}`),
    }
    const rounds: Record<keyof typeof targets, { rate: number; p99: number }>[] = []
    for (let run = -1; run < RUNS[effort]; run++) {
      const round = {} as (typeof rounds)[0]
      for (const name of Object.keys(targets) as (keyof typeof targets)[]) {
        round[name] = await timedLoad(targets[name], SECONDS[effort])
      }
      // The first one warms up.
      if (run >= 0) rounds.push(round)
    }
    const rates = (name: keyof typeof targets) => rounds.map((round) => round[name].rate)
    const p99 = (name: keyof typeof targets) => rounds.map((round) => round[name].p99)
    const ratios = (to: 'bare' | 'mirror') => rounds.map((round) => round.gateway.rate / round[to].rate)
    return [
      { name: `import of ${users} rosters of ${CONTACTS}`, value: users / seconds, unit: 'rosters/s' },
      { name: 'RSS of the gateway before', value: before, unit: 'MB' },
      { name: 'RSS of the gateway after the import', value: imported, unit: 'MB' },
      { name: 'RSS of the gateway after serving', value: residentMemory(pid) / 1e6, unit: 'MB' },
      { name: `refresh of ${Math.min(REFRESHED, users)} users`, value: refreshed, unit: 'users/s' },
      { name: 'bytes of a roster', value: Buffer.byteLength(sample.body), unit: 'B' },
      medianFigure('bare node:http, one roster', 'requests/s', rates('bare')),
      medianFigure('bare node:http, all of them', 'requests/s', rates('mirror')),
      medianFigure('gateway', 'requests/s', rates('gateway')),
      medianFigure('gateway / bare, one roster', '×', ratios('bare')),
      // The same bytes: whoever serves a hundred thousand rosters reads each from memory that is in no cache.
      medianFigure('gateway / bare, all of them', '×', ratios('mirror'), { atLeast: 0.8 }),
      medianFigure('p99 of a roster', 'ms', p99('gateway')),
      medianFigure('p99 of a status', 'ms', p99('status')),
    ]
  })
}

/** How many a second were fetched again, of so many that the gateway was told to refresh. */
async function refresh(gateway: BenchGateway, module: Program, users: number): Promise<number> {
  const fetched = await module.call<number>('fetched')
  const begin = performance.now()
  const response = await fetch(`${gateway.url}/roster_admin/refresh`, {
    method: 'POST',
    headers: { Authorization: AUTHORIZATION },
    body: JSON.stringify(Array.from({ length: users }, (_, user) => `user${user}`)),
  })
  const answer = await response.text()
  const seconds = (performance.now() - begin) / 1000
  const count = (await module.call<number>('fetched')) - fetched
  if (response.status !== 200 || count !== users) throw new Error(`${count} of ${users} were refreshed: ${answer}`)
  return users / seconds
}

/** How many seconds it took. */
async function importRosters(gateway: BenchGateway, users: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'rosters-'))
  try {
    const file = join(directory, 'rosters.json')
    await writeRosters(file, users)
    const begin = performance.now()
    await gateway.run('roster', 'import', file)
    return (performance.now() - begin) / 1000
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function writeRosters(file: string, users: number): Promise<void> {
  const stream = createWriteStream(file)
  stream.write('{\n')
  for (let user = 0; user < users; user++) {
    const contacts: Record<string, unknown> = {}
    for (let n = 1; n <= CONTACTS; n++) {
      const contact = (user + n * 7919) % users
      contacts[`user${contact}@${DOMAIN}`] = { name: `User ${contact}`, groups: { [n % 2 ? 'Friends' : 'Work']: true } }
    }
    const line = `${JSON.stringify(`user${user}@${DOMAIN}`)}:${JSON.stringify(contacts)}${user < users - 1 ? ',' : ''}\n`
    if (!stream.write(line)) await once(stream, 'drain')
  }
  stream.end('}\n')
  await once(stream, 'close')
}

/** The headers that the gateway sends, and a body. */
async function sampleAnswer(url: string): Promise<{ headers: string[]; body: string }> {
  const [response] = await once(get(url, { headers: { Authorization: AUTHORIZATION } }), 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  const raw: string[] = response.rawHeaders
  return { headers: raw.filter((_, i) => !ADDED_BY_NODE.has((raw[i - (i % 2)] ?? '').toLowerCase())), body }
}
