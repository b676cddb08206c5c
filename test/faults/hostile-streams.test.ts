import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '../support/api-client.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { type GrantedApp, grantedApp } from '../support/granted-app.js'
import { RawHttp } from '../support/raw-http.js'
import { signedIn } from '../support/signed-in.js'
import { until } from '../support/until.js'

const ALICE = 'alice@localhost'
const MOST = 100
// The server cuts off who is idle for 10 s.
const IDLE_MS = 11_000

/** A process of its own, with no XMPP server: what changes is that she pauses her grant. */
describe('A gateway with hostile readers of streams', function () {
  this.timeout(60_000)
  let gateway: GatewayProcess
  let app: GrantedApp
  let alice: ApiClient
  let request: string
  const opened: RawHttp[] = []

  before(async () => {
    gateway = await GatewayProcess.prepare({ config: { xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:7' } } })
    app = await grantedApp(gateway, [ALICE])
    const { token } = await signedIn(gateway, ALICE)
    await gateway.start()
    alice = new ApiClient(gateway.url, { Authorization: `Bearer ${token}` })
    const { json } = await new ApiClient(gateway.url, { Authorization: `Bearer ${app.key}` }).ask(
      'POST',
      `/${app.appid}/tickets`,
      { uids: [...app.uids.values()] },
    )
    request = `GET /${app.appid}/presence.json?ticket=${json.ticket} HTTP/1.1\r\nHost: x\r\n\r\n`
  })
  afterEach(async () => {
    for (const { socket } of opened.splice(0)) socket.destroy()
    await until(async () => (await openStreams()) === 0)
  })
  after(() => gateway?.stop())

  async function open(bytes = request): Promise<RawHttp> {
    const raw = await RawHttp.open(Number(new URL(gateway.url).port))
    opened.push(raw)
    raw.socket.write(bytes)
    return raw
  }

  async function openStreams(): Promise<number> {
    const text = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    const counts = [...text.matchAll(/^presence_gateway_streams\{.*\} (\d+)$/gm)]
    assert.equal(counts.length, 3)
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }

  async function pause(paused: boolean): Promise<void> {
    const { status } = await alice.ask('PATCH', `/api/me/grants/${app.appid}`, { paused })
    assert.equal(status, 200)
  }

  const count = (text: string) => opened.filter(({ received }) => received.startsWith(text)).length

  it('lets 100 of 1,000 in from one address, and everybody again when they are gone', async () => {
    await Promise.all(Array.from({ length: 1000 }, () => open()))
    await until(() => count('HTTP/1.1 200 OK') + count('HTTP/1.1 429 Too Many Requests') === 1000, 20_000)
    assert.deepEqual([count('HTTP/1.1 200 OK'), await openStreams()], [MOST, MOST])
    // Who asks for a status is none of them.
    assert.equal((await gateway.status(ALICE)).status, 404)
    for (const { socket } of opened.splice(0)) socket.resetAndDestroy()
    await until(async () => (await openStreams()) === 0)
    await Promise.all(Array.from({ length: MOST }, () => open()))
    await until(() => count('HTTP/1.1 200 OK') === MOST)
  })

  it('tells them all what changes when nothing was said for longer than others may be idle', async () => {
    const many = (what: () => Promise<RawHttp>) => Promise.all(Array.from({ length: 15 }, what))
    const readers = await many(() => open())
    const asking = await many(() => open(request + 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3000)))
    const talking = await many(() => open(`${request}\0nonsense\r\n\r\n${'x'.repeat(100_000)}`))
    const halved = await many(async () => {
      const raw = await open()
      raw.socket.end()
      return raw
    })
    const deaf = await many(async () => {
      const raw = await open()
      raw.socket.pause()
      return raw
    })
    await until(async () => (await openStreams()) === 75)
    const hearing = [readers, asking, talking, halved].flat()
    for (const raw of hearing) await until(() => raw.received.includes('"ready"'))
    await sleep(IDLE_MS)
    const flooding = setInterval(() => talking[0]?.socket.write('x'.repeat(100_000)), 10)
    await pause(true)
    for (const raw of hearing) await until(() => raw.received.includes('"offline"'))
    await pause(false)
    for (const raw of hearing) await until(() => raw.received.split('"unknown"').length === 3)
    clearInterval(flooding)
    assert.equal(await openStreams(), 75)
    for (const raw of deaf) assert.ok(!raw.received.includes('"offline"'))
    // Nothing that was asked behind a stream is answered.
    for (const raw of asking) assert.equal(raw.received.split('HTTP/1.1 ').length, 2)
    for (const raw of [readers, asking, talking, deaf].flat()) raw.socket.destroy()
    await until(async () => (await openStreams()) === halved.length)
    // That these are gone the server is told in answer to what it writes, and finds when it writes again.
    for (const raw of halved) raw.socket.destroy()
    await pause(true)
    await pause(false)
  })
})
