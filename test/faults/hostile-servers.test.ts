import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { type Connection, HostileServer } from '../support/hostile-server.js'
import { untilJson } from '../support/json-status.js'
import { COMPONENT, DOMAIN, PRIVILEGE, presenceOf, prosodyLike } from '../support/prosody-like.js'
import { residentMemory } from '../support/resident-memory.js'
import { until } from '../support/until.js'
import { HOSTILITIES } from './hostile-behaviours.js'

// HOSTILE_LONG=1: also the servers that take the gateway 5 to 45 seconds to give up, and all of them three times.
const LONG = Boolean(process.env.HOSTILE_LONG)
const ROUNDS = LONG ? 3 : 1
const MET = HOSTILITIES.filter(({ slow }) => LONG || !slow)
const BACK_WITHIN_MS = 10_000
// Most lose the link at once; silence is given 5 s before it is up, and 45 s after.
const LEFT_WITHIN_MS = 8000
const SLOWLY_LEFT_WITHIN_MS = 46_000
const MIB = 1024 * 1024
// What the collector of garbage takes its time for is not what is held: with a small heap it must come, or the process ends.
const HEAP_MIB = 96
const MORE_MEMORY = 128 * MIB

describe('one gateway, among hostile servers', function () {
  this.timeout(SLOWLY_LEFT_WITHIN_MS + BACK_WITHIN_MS + 10_000)
  let server: HostileServer
  let gateway: GatewayProcess
  let health: Health
  let behave: (connection: Connection) => void = prosodyLike([PRIVILEGE])
  let memoryBefore = 0
  let returns = 0

  /** A good server comes back; how long until its word is live on the web is what is bounded. */
  async function recover(): Promise<void> {
    const text = `back ${++returns}`
    behave = prosodyLike([PRIVILEGE, presenceOf(`alice@${DOMAIN}/good`, `<show>dnd</show><status>${text}</status>`)])
    server.connections.at(-1)?.socket.destroy()
    await untilJson(gateway, `alice@${DOMAIN}`, { text, show: 'dnd', freshness: 'live' }, BACK_WITHIN_MS)
  }

  before(async () => {
    server = await HostileServer.start((connection) => behave(connection))
    gateway = await startGateway({
      env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
      config: {
        xmpp: { service: server.service, domain: COMPONENT, secret: 'secret' },
        domains: { [DOMAIN]: { publish: 'details' } },
      },
    })
    health = new Health(`${gateway.opsUrl}/healthz`)
    for (let warmUp = 0; warmUp < 3; warmUp++) await recover()
    memoryBefore = residentMemory(gateway.pid ?? 0)
  })
  after(async () => {
    await health?.stop()
    await gateway?.stop()
    await server?.stop()
  })

  for (let round = 1; round <= ROUNDS; round++) {
    for (const { what, behave: hostile, link, slow, refuses } of MET) {
      if (refuses && round > 1) continue
      it(`outlives a server that ${what}${round > 1 ? `, the ${round}. time` : ''}`, async () => {
        const met = server.connections.length
        behave = hostile
        server.connections.at(-1)?.socket.destroy()
        const connection = await until(() => server.connections[met], BACK_WITHIN_MS, 'the gateway to connect')
        const patienceMs = slow ? SLOWLY_LEFT_WITHIN_MS : LEFT_WITHIN_MS
        if (link === 'lost') await until(() => isOver(connection), patienceMs, 'the gateway to leave')
        else if (link === 'kept') await assertHeard(connection)
        else await sleep(500)
        await recover()
        assert.deepEqual(health.faults, [])
      })
    }
  }

  /** Whatever was said before it. */
  async function assertHeard(connection: Connection): Promise<void> {
    await until(() => connection.received.includes('</handshake>'))
    const text = `still here ${returns}`
    connection.socket.write(presenceOf(`bob@${DOMAIN}/r`, `<status>${text}</status>`))
    await untilJson(gateway, `bob@${DOMAIN}`, { text, freshness: 'live' }, BACK_WITHIN_MS)
    assert.equal(server.connections.at(-1), connection, 'it connected again')
  }

  it('needs no more memory for them than before, but for a stated bound', () => {
    const peak = residentMemory(gateway.pid ?? 0, true)
    assert(peak - memoryBefore <= MORE_MEMORY, `${mib(memoryBefore)} before, ${mib(peak)} at most`)
  })

  it('was there all the time, and met nothing that it had not expected', async () => {
    assert(health.answers > MET.length)
    assert.deepEqual(health.faults, [])
    assert.deepEqual(
      gateway.logLines.filter(({ level }) => Number(level) >= 50),
      [],
    )
    const others = gateway.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
    assert.deepEqual(others, [], 'it wrote something that is no line of its log')
    assert.deepEqual(await gateway.shutDown(), { code: 0, signal: null })
  })
})

function isOver({ socket }: Connection): boolean {
  socket.resume()
  return socket.destroyed || socket.readableEnded
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}

/** Asks all the time whether the process is well. */
class Health {
  readonly faults: string[] = []
  answers = 0
  #stopped = false
  readonly #asking: Promise<void>

  constructor(url: string) {
    this.#asking = this.#ask(url)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#asking
  }

  async #ask(url: string): Promise<void> {
    while (!this.#stopped) {
      const { status } = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch((error: Error) => ({
        status: error.message,
      }))
      if (status === 200) this.answers++
      else this.faults.push(`answered ${status}`)
      await sleep(50)
    }
  }
}
