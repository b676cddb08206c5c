// npm run bench [-- status ingest memory sockets latency flood slowhttp not-found roster delivery fanout changes webhooks]: the goals of the design as figures. BENCH_SHORT=1: quick and imprecise.
import { loadavg } from 'node:os'
import { relative } from 'node:path'
import { changes } from './changes.js'
import { delivery } from './delivery.js'
import { fanout } from './fanout.js'
import { flood } from './flood.js'
import { ingest } from './ingest.js'
import { latency } from './latency.js'
import { memory, sockets } from './memory.js'
import { notFound } from './not-found.js'
import { roster } from './roster.js'
import { slowHttp } from './slow-http.js'
import { status } from './status.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { saveResults } from './support/save-results.js'
import { table } from './support/table.js'
import { webhooks } from './webhooks.js'

const BENCHES = new Map(
  Object.entries({
    status,
    ingest,
    memory,
    sockets,
    latency,
    flood,
    slowhttp: slowHttp,
    'not-found': notFound,
    roster,
    delivery,
    fanout,
    changes,
    webhooks,
  }),
)

// Whatever was started ends with this process; 'exit' is what it listens for.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

process.exitCode = await run(process.argv.slice(2), process.env.BENCH_SHORT ? 'short' : 'full')

async function run(wanted: string[], effort: Effort): Promise<number> {
  const names = wanted.length > 0 ? wanted : [...BENCHES.keys()]
  const unknown = names.filter((name) => !BENCHES.has(name))
  if (unknown.length > 0) {
    console.error(`no such bench: ${unknown.join(', ')}; there are ${[...BENCHES.keys()].join(', ')}`)
    return 2
  }
  let failed = false
  for (const [name, bench] of BENCHES) {
    if (!names.includes(name)) continue
    const loadBefore = loadavg()[0] ?? 0
    console.log(`${name} (load average before: ${loadBefore.toFixed(2)})`)
    const figures = await attempt(() => bench(effort))
    if (!figures) failed = true
    else {
      console.log(`${table(figures)}\n`)
      if (effort === 'full') console.log(`  ${relative('', saveResults({ [name]: figures }, loadBefore))}\n`)
    }
  }
  return failed ? 1 : 0
}

async function attempt(bench: () => Promise<Figure[]>): Promise<Figure[] | null> {
  try {
    return await bench()
  } catch (error) {
    console.error((error as Error).stack)
    return null
  }
}
