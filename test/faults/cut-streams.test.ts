import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../support/fault-proxy.js'
import { SeededRandom } from '../support/seeded-random.js'
import { type Said, StreamSocket } from '../support/stream-socket.js'
import { type SeededApp, StreamingGateway } from '../support/streaming-gateway.js'
import { until } from '../support/until.js'

/** `CUT_SECONDS`: how long, `CUT_CLIENTS`: how many, in tens; `CUT_SEED` to cut in the same order. */
const SECONDS = Number(process.env.CUT_SECONDS ?? 4)
const CLIENTS = Number(process.env.CUT_CLIENTS ?? 500)
const SEED = Number(process.env.CUT_SEED ?? Date.now())

const PROXIES = 20
const APPS = CLIENTS / 10
const USERS = 100
// So many of them each app sees: a change goes to a tenth of all clients.
const SEEN = 10
const CHANGES_A_SECOND = 200
const CUTS_A_SECOND = 20

describe(`${CLIENTS} WebSockets that are cut at random for ${SECONDS} s (CUT_SEED=${SEED})`, function () {
  this.timeout(SECONDS * 1000 + 120_000)
  let streaming: StreamingGateway
  const proxies: FaultProxy[] = []
  const clients: Client[] = []
  const references: Client[] = []

  before(async () => {
    const limits = { connectionsPerAddress: 10_000, streamsPerApp: 1000 }
    const sees = (app: number, user: number) => (user + app * 7) % USERS < SEEN
    streaming = await StreamingGateway.start({
      apps: APPS,
      users: USERS,
      sees,
      scope: ['status', 'details'],
      config: { limits },
    })
    for (let i = 0; i < PROXIES; i++) proxies.push(await FaultProxy.start(streaming.port))
  })
  after(async () => {
    for (const client of [...clients, ...references]) client.stop()
    await streaming?.stop()
    for (const proxy of proxies) await proxy.stop()
  })

  it('come back with their cursors, and are told of every change once', async () => {
    const random = new SeededRandom(SEED)
    for (let user = 0; user < USERS; user++) streaming.say(user, 'online', '0')
    await streaming.taken()
    for (let app = 0; app < APPS; app++) references.push(new Client(streaming.appAt(app), () => streaming.port))
    for (let i = 0; i < CLIENTS; i++) {
      const ports = random.branch()
      const port = () => proxies[ports.below(PROXIES)]?.port ?? 0
      clients.push(new Client(streaming.appAt(i % APPS), port))
    }
    const all = [...references, ...clients]
    await until(() => all.every((client) => client.knows(SEEN, 0)), 60_000, 'all to know everybody')
    for (const client of all) client.cursors = []

    const end = performance.now() + SECONDS * 1000
    let number = 0
    let cuts = 0
    for (let now = performance.now(); now < end; now = performance.now()) {
      const due = (1 - (end - now) / (SECONDS * 1000)) * SECONDS
      while (number < due * CHANGES_A_SECOND) {
        number++
        streaming.say(number % USERS, random.pick(['online', 'away', 'dnd', 'xa', 'chat']), `${number}`)
      }
      for (; cuts < due * CUTS_A_SECOND; cuts++) {
        proxies[random.below(PROXIES)]?.cut(random.pick(['reset', 'end']))
        clients[random.below(CLIENTS)]?.leave()
      }
      await sleep(5)
    }
    await streaming.taken()
    const last = (client: Client) => client.cursors.at(-1)
    for (const [app, reference] of references.entries()) {
      await until(() => reference.knows(SEEN, number - USERS + 1), 30_000, 'the last changes')
      const mine = clients.filter((_, i) => i % APPS === app)
      await until(() => mine.every((client) => last(client) === last(reference)), 30_000, `the end, of app ${app}`)
    }

    let resets = 0
    for (const [i, client] of clients.entries()) {
      const reference = references[i % APPS]?.cursors ?? []
      resets += client.resets
      // After a reset it knows nothing of what was before.
      const expected = client.resets === 0 ? reference : reference.slice(-client.cursors.length || reference.length)
      assert.deepEqual(client.cursors, expected, `client ${i}`)
    }
    const reconnects = clients.reduce((sum, client) => sum + client.connections - 1, 0)
    console.log(`      ${number} changes, ${reconnects} reconnects, ${resets} resets, 0 gaps, 0 duplicates`)
    assert(reconnects > CLIENTS / 2)
    for (const reference of references) assert.equal(reference.connections, 1)
  })
})

/** Comes back at once, whenever its connection is gone. */
class Client {
  /** Of all it was told since its last reset. */
  cursors: string[] = []
  /** By uid. */
  readonly #texts = new Map<string, number>()
  resets = 0
  connections = 0
  readonly #app: SeededApp
  readonly #port: () => number
  #socket: StreamSocket | null = null
  #since: string | null = null
  #stopped = false

  constructor(app: SeededApp, port: () => number) {
    this.#app = app
    this.#port = port
    this.#connect()
  }

  /** So many users, each of them as she was said to be with that number or later. */
  knows(users: number, number: number): boolean {
    return this.#texts.size === users && [...this.#texts.values()].every((text) => text >= number)
  }

  leave(): void {
    this.#socket?.ws.terminate()
  }

  stop(): void {
    this.#stopped = true
    this.leave()
  }

  #connect(): void {
    if (this.#stopped) return
    this.connections++
    const { appid, key } = this.#app
    const socket = new StreamSocket(this.#port(), appid, {
      key,
      query: this.#since === null ? '' : `?since=${this.#since}`,
      said: (said) => this.#hear(said),
    })
    this.#socket = socket
    socket.ws.on('close', () => setTimeout(() => this.#connect(), 20))
  }

  #hear(said: Said): void {
    if (said.reset) {
      this.resets++
      this.cursors = []
      this.#since = null
    } else if (said.ready) {
      this.#since = said.cursor
    } else if (Array.isArray(said)) {
      for (const { uid, text, cursor } of said) {
        if (text !== null) this.#texts.set(uid, Number(text))
        if (cursor === undefined) continue
        this.cursors.push(cursor)
        this.#since = cursor
      }
    }
  }
}
