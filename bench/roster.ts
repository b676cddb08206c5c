import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayProcess, startGateway } from '../test/support/gateway-process.js'
import { residentMemory } from '../test/support/resident-memory.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { pin } from './support/pin.js'
import { Program } from './support/program.js'
import { type LoadTarget, requestLoad } from './support/request-load.js'
import { withParts } from './support/with-parts.js'

const USERS = { full: 100_000, short: 5_000 }
const CONTACTS = 50
const RUNS = { full: 7, short: 3 }
const SECONDS = { full: 4, short: 1 }
const DOMAIN = 'localhost'
const TOKEN = 'bench'
const AUTHORIZATION = `Basic ${Buffer.from(`gateway:${TOKEN}`).toString('base64')}`
// Node adds these by itself.
const ADDED_BY_NODE = new Set(['date', 'connection', 'transfer-encoding'])

/** Rosters of fifty contacts: taken over from a file, and served to a server whose users log in, against the same bytes from node. */
export function roster(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const users = USERS[effort]
    const gateway = opened(
      await startGateway({
        config: {
          // Nobody listens there.
          xmpp: { service: 'xmpp://127.0.0.1:1', domain: 'presence.localhost', secret: 'bench' },
          domains: { [DOMAIN]: {} },
          roster: { tokens: [TOKEN] },
        },
      }),
    )
    const pid = gateway.pid ?? 0
    pin(pid, 'measured')
    const before = residentMemory(pid) / 1e6
    const seconds = await importRosters(gateway, users)
    const imported = residentMemory(pid) / 1e6
    const bare = opened(await Program.start('bare-http', 'measured'))
    const at = (port: number): LoadTarget => ({
      origin: `http://127.0.0.1:${port}`,
      path: `/roster/${DOMAIN}/user%d`,
      users,
      host: '127.0.0.1',
      authorization: AUTHORIZATION,
    })
    const sample = await sampleAnswer(`${gateway.url}/roster/${DOMAIN}/user${users / 2}`)
    const targets = {
      bare: at(await bare.call<number>('listen', sample)),
      gateway: at(Number(new URL(gateway.url).port)),
    }
    const rates: Record<keyof typeof targets, number[]> = { bare: [], gateway: [] }
    for (let run = -1; run < RUNS[effort]; run++) {
      for (const name of Object.keys(targets) as (keyof typeof targets)[]) {
        const rate = await requestLoad(targets[name], SECONDS[effort])
        // The first one warms up.
        if (run >= 0) rates[name].push(rate)
      }
    }
    const ratios = rates.gateway.map((rate, run) => rate / (rates.bare[run] ?? Number.NaN))
    return [
      { name: `import of ${users} rosters of ${CONTACTS}`, value: users / seconds, unit: 'rosters/s' },
      { name: 'RSS of the gateway before', value: before, unit: 'MB' },
      { name: 'RSS of the gateway after the import', value: imported, unit: 'MB' },
      { name: 'RSS of the gateway after serving', value: residentMemory(pid) / 1e6, unit: 'MB' },
      { name: 'bytes of a roster', value: Buffer.byteLength(sample.body), unit: 'B' },
      medianFigure('bare node:http', 'requests/s', rates.bare),
      medianFigure('gateway', 'requests/s', rates.gateway),
      medianFigure('gateway / bare', '×', ratios, { atLeast: 0.8 }),
    ]
  })
}

/** How many seconds it took. */
async function importRosters(gateway: GatewayProcess, users: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'rosters-'))
  try {
    const file = join(directory, 'rosters.json')
    await writeRosters(file, users)
    const begin = performance.now()
    const { code, output } = await gateway.run('roster', 'import', file)
    if (code !== 0) throw new Error(`roster import ended with ${code}: ${output}`)
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
