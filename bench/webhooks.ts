import { setTimeout as sleep } from 'node:timers/promises'
import type { Received } from './programs/webhook-receiver.js'
import { BenchGateway } from './support/bench-gateway.js'
import { cpuMs } from './support/cpu-ms.js'
import type { Effort } from './support/effort.js'
import type { Figure } from './support/figure.js'
import { medianFigure } from './support/median-figure.js'
import { Program } from './support/program.js'
import { SYNTHETIC_DOMAIN } from './support/synthetic-presence.js'
import { type Opened, withParts } from './support/with-parts.js'

const APPS = 1000
const SECONDS = { full: 10, short: 3 }
const CHANGE_EVERY_MS = 20
const ROUNDS = { full: 9, short: 1 }
const BASELINE_SECONDS = 1
const USERS = 10_000
// A hundred to a call.
const BACKLOG = { full: 200_000, short: 50_000 }
const LOOPBACK = { allowPrivate: ['127.0.0.0/8'] }

/** Calls a second to endpoints that answer at once: of a thousand apps, and of one that has fallen behind. */
export async function webhooks(effort: Effort): Promise<Figure[]> {
  return [...(await manyApps(effort)), ...(await oneApp(effort))]
}

/** One user whom all may see changes faster than they can all be told. */
function manyApps(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const { receiver, gateway } = await calling(opened, APPS, () => [0])
    const from = `user0@${SYNTHETIC_DOMAIN}/r`
    let isOver = false
    const changing = (async () => {
      for (let turn = 0; !isOver; turn++) {
        await gateway.say(
          `<presence from='${from}' to='presence.localhost'>${turn % 2 ? '' : '<show>away</show>'}</presence>`,
        )
        await sleep(CHANGE_EVERY_MS)
      }
    })()
    // Connections are made, and code is compiled.
    await sleep(3000)
    const [cpu, begin] = [cpuMs(gateway.pid), performance.now()]
    await receiver.call('reset')
    await sleep(SECONDS[effort] * 1000)
    const { calls } = await receiver.call<Received>('received')
    const ms = performance.now() - begin
    const busy = (cpuMs(gateway.pid) - cpu) / ms
    isOver = true
    await changing
    return [
      { name: `${APPS} apps`, value: (calls / ms) * 1000, unit: 'calls/s', goal: { atLeast: 5000 } },
      { name: 'share of a core', value: busy, unit: '' },
    ]
  })
}

/** While its endpoint is slow, more changes come than a call holds; then it answers at once again. */
function oneApp(effort: Effort): Promise<Figure[]> {
  return withParts(async (opened) => {
    const users = Array.from({ length: USERS }, (_, user) => user)
    const { receiver, gateway, port } = await calling(opened, 1, () => users)
    const baseline = opened(await Program.start('signed-requests', 'measured'))
    await gateway.takeIn(USERS, USERS)
    await receiver.call('untilQuiet')
    const rates: { plain: number[]; ours: number[]; ratios: number[] } = { plain: [], ours: [], ratios: [] }
    for (let round = 0; round < ROUNDS[effort]; round++) {
      await receiver.call('hold')
      await gateway.takeIn(BACKLOG[effort], USERS)
      await receiver.call('release')
      const { calls, firstAt, lastAt, longest } = await receiver.call<Received>('untilQuiet')
      const ours = ((calls - 1) / (lastAt - firstAt)) * 1000
      const plain = await baseline.call<number>('post', { port, body: longest, seconds: BASELINE_SECONDS })
      rates.plain.push(plain)
      rates.ours.push(ours)
      rates.ratios.push(ours / plain)
    }
    return [
      medianFigure('signed requests in sequence, the same body', 'calls/s', rates.plain),
      medianFigure('one app, 100 updates a call', 'calls/s', rates.ours),
      medianFigure('one app to signed requests', '', rates.ratios, { atLeast: 0.7 }),
    ]
  })
}

async function calling(opened: Opened, apps: number, usersOf: (app: number) => readonly number[]) {
  const receiver = opened(await Program.start('webhook-receiver', 'load'))
  const port = await receiver.call<number>('listen')
  const webhook = () => `http://127.0.0.1:${port}/hook`
  const gateway = opened(await BenchGateway.start({ outbound: LOOPBACK, apps: { apps, usersOf, webhook } }))
  return { receiver, gateway, port }
}
