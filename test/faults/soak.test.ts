import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEjabberd } from '../support/ejabberd.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import { SeededRandom } from '../support/seeded-random.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { Oracle } from './oracle.js'
import { SoakReader } from './soak-reader.js'
import { SoakUser } from './soak-user.js'
import { StallMeter } from './stall-meter.js'

// CONTRIBUTING.md says how to run it for long.
const SECONDS = Number(process.env.SOAK_SECONDS ?? 12)
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31))
const LONG = SECONDS >= 60
const USERS = LONG ? 30 : 12
const VERIFY_EVERY_MS = 2000
const SERVERS: readonly [string, (options: XmppServerOptions) => Promise<XmppServer>, number][] = [
  ['Prosody', startProsody, 0],
  // It does not tell of dead connections: the next snapshot does.
  ['ejabberd', startEjabberd, VERIFY_EVERY_MS],
]

for (const [name, startServer, silentDeathMs] of SERVERS) {
  describe(`A soak on ${name}, for ${SECONDS} s`, function () {
    this.timeout(SECONDS * 1000 + 180_000)
    const names = Array.from({ length: USERS }, (_, i) => `u${i}`)
    let server: XmppServer
    let proxy: FaultProxy
    let gateway: GatewayProcess
    let stalls: StallMeter

    before(async () => {
      server = await startServer({ mode: 'privileged', users: names })
      proxy = await FaultProxy.start(server.componentPort)
      const xmpp = { service: `xmpp://127.0.0.1:${proxy.port}`, verifyEvery: `${VERIFY_EVERY_MS}ms` }
      gateway = await startGateway({ server, config: { xmpp } })
      stalls = new StallMeter()
    })

    after(async () => {
      stalls?.stop()
      await gateway?.stop()
      await server?.stop()
      await proxy?.stop()
    })

    it('shows no user live other than she is, whoever is killed', async () => {
      const random = new SeededRandom(SEED)
      const oracle = new Oracle()
      const users = names.map(
        (local) => new SoakUser({ jid: `${local}@localhost`, server, oracle, random: random.branch(), silentDeathMs }),
      )
      for (const user of users) await user.appear()
      for (const user of users) await untilJson(gateway, user.jid, { freshness: 'live' })

      const faults = new Faults({ server, proxy, gateway, oracle, random: random.branch() })
      const jids = users.map(({ jid }) => jid) as [string, ...string[]]
      const reader = new SoakReader(gateway, oracle, stalls, random.branch(), jids, faults.done)
      const stop = new AbortController()
      const alive = [reader.read(stop.signal), ...users.map((user) => user.live(stop.signal, () => faults.serverIsUp))]
      const deadline = performance.now() + SECONDS * 1000
      try {
        await faults.happen(deadline)
      } finally {
        stop.abort()
        await Promise.all(alive)
        for (const user of users) user.dropAll()
      }

      const { report } = reader
      const answers = report.live + report.stale + report.unknown
      const share = report.live / answers
      const acts = users.reduce((sum, user) => sum + user.acts, 0)
      console.log(
        `      seed ${SEED}: ${answers} answers to ${acts} acts, ${(share * 100).toFixed(1)} % live, ${report.wrong} of them ` +
          `wrong, none later than ${report.worstLateMs.toFixed(0)} ms; ${report.unanswered} requests found no gateway; ` +
          `${faults.tally()}; our own worst stall ${stalls.worst.toFixed(0)} ms`,
      )
      assert.deepEqual(report.faults, [], `seed ${SEED}`)
      // A short run is mostly faults.
      assert.ok(share > (LONG ? 0.5 : 0.25), `only ${(share * 100).toFixed(1)} % of the answers were live`)
    })
  })
}

interface Place {
  readonly server: XmppServer
  readonly proxy: FaultProxy
  readonly gateway: GatewayProcess
  readonly oracle: Oracle
  readonly random: SeededRandom
}

/** What goes wrong: everything once, in random order, and again until the time is over. */
class Faults {
  /** In order, with the time. */
  readonly done: string[] = []
  serverIsUp = true
  readonly #place: Place
  readonly #began = performance.now()
  readonly #counts = new Map<string, number>()
  readonly #faults: Readonly<Record<string, () => Promise<void>>> = {
    'gateway killed': () => this.#withoutGateway(() => this.#place.gateway.kill9()),
    'gateway ended': () => this.#withoutGateway(() => this.#place.gateway.shutDown()),
    'server killed': () => this.#withoutServer(() => this.#place.server.kill()),
    ...(LONG && { 'server ended': () => this.#withoutServer(() => this.#place.server.shutDown()) }),
    'link cut': async () => this.#place.proxy.cut(this.#place.random.pick(['reset', 'end'])),
    'link delayed': () => this.#delayed(),
    'link half-open': () => this.#halfOpen(),
  }

  constructor(place: Place) {
    this.#place = place
  }

  async happen(deadline: number): Promise<void> {
    const pauseMs = LONG ? 6000 : 800
    for (let round = 0; ; round++) {
      for (const what of this.#place.random.shuffled(Object.keys(this.#faults))) {
        if (round > 0 && performance.now() >= deadline) return
        await sleep(pauseMs * (0.5 + this.#place.random.fraction()))
        this.#note(`${what}:`)
        await this.#faults[what]?.()
        this.#note('over')
        this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
      }
    }
  }

  tally(): string {
    return [...this.#counts].map(([what, count]) => `${what} ${count} ×`).join(', ')
  }

  async #withoutGateway(end: () => Promise<unknown>): Promise<void> {
    await end()
    await sleep(this.#place.random.below(LONG ? 2000 : 500))
    await this.#place.gateway.start()
  }

  async #withoutServer(end: () => Promise<void>): Promise<void> {
    const { oracle, random, server } = this.#place
    oracle.allMayBeGone()
    await end()
    // Once more, for what was said while it died.
    this.serverIsUp = false
    oracle.allMayBeGone()()
    await sleep(random.below(LONG ? 2500 : 500))
    await server.start()
    oracle.allMayBeGone()()
    this.serverIsUp = true
  }

  async #delayed(): Promise<void> {
    const { oracle, proxy, random } = this.#place
    const ms = 50 + random.below(350)
    const over = oracle.hinder(ms)
    proxy.mode = { kind: 'delay', ms }
    await sleep(LONG ? 5000 : 1500)
    proxy.mode = { kind: 'pass' }
    over()
  }

  /** Shorter than it takes to notice; the end of it is a cut, which both sides hear of. */
  async #halfOpen(): Promise<void> {
    const { oracle, proxy, random } = this.#place
    const over = oracle.hinder(null)
    proxy.halfOpen()
    await sleep(random.below(LONG ? 5000 : 1500))
    proxy.cut('reset')
    over()
  }

  #note(what: string): void {
    this.done.push(`${what} ${((performance.now() - this.#began) / 1000).toFixed(1)} s`)
    if (this.done.length > 1000) this.done.shift()
  }
}
