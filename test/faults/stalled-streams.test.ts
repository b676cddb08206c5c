import assert from 'node:assert/strict'
import { residentMemory } from '../support/resident-memory.js'
import { StreamSocket } from '../support/stream-socket.js'
import { StreamingGateway } from '../support/streaming-gateway.js'
import { until } from '../support/until.js'

const STALLED = 100
const ORDINARY = 5
const USERS = 40
const TEXT = '😀'.repeat(1000)
const MIB = 1024 * 1024

describe(`${STALLED} readers of a stream that read nothing`, function () {
  this.timeout(90_000)
  let streaming: StreamingGateway
  const sockets: StreamSocket[] = []

  before(async () => {
    streaming = await StreamingGateway.start({
      users: USERS,
      scope: ['status', 'details'],
      config: { limits: { connectionsPerAddress: 1000, streamsPerApp: 1000, streamLag: '60s' } },
    })
  })
  after(async () => {
    for (const { ws } of sockets) ws.terminate()
    await streaming?.stop()
  })

  it('are cut off at the bound; what waited for them is freed, and others hear all', async () => {
    const { appid, key } = streaming.app
    const delays: number[] = []
    const said: number[] = []
    const hear = (frame: unknown) => {
      const now = performance.now()
      if (!Array.isArray(frame) || frame[0].cursor === undefined) return
      for (const { text } of frame) if (text !== 'x') delays.push(now - (said[Number(text.split(' ')[0])] ?? now))
    }
    const open = async (options: object) => {
      const socket = await new StreamSocket(streaming.port, appid, { key, ...options }).opened()
      sockets.push(socket)
      return socket
    }
    for (let user = 0; user < USERS; user++) streaming.say(user, 'online', 'x')
    await streaming.taken()
    for (let i = 0; i < ORDINARY; i++) await open({ said: hear })
    for (let i = 0; i < STALLED; i++) await open({})
    const stalled = sockets.slice(ORDINARY)
    await Promise.all(stalled.map((socket) => socket.ready()))
    for (const { ws } of stalled) ws.pause()
    const before = residentMemory(streaming.gateway.pid ?? 0)
    let most = 0

    const ended = () => streaming.metric('streams_ended_total', 'too-slow')
    for (let round = 0; (await ended()) < STALLED; round++) {
      assert(round < 500, `${await ended()} were cut off`)
      said.push(performance.now())
      for (let user = 0; user < USERS; user++) streaming.say(user, round % 2 ? 'away' : 'dnd', `${round} ${TEXT}`)
      await streaming.taken()
      await until(() => delays.length === said.length * USERS * ORDINARY, 20_000, 'the others to hear')
      most = Math.max(most, residentMemory(streaming.gateway.pid ?? 0))
    }
    assert.equal(await streaming.metric('streams', 'websocket'), ORDINARY)
    delays.sort((a, b) => a - b)
    const p99 = delays[Math.floor(delays.length * 0.99)] ?? 0
    // What the streams held was one and the same for all of them.
    assert(most - before < 200 * MIB, `${(most - before) / MIB} MiB more`)
    console.log(
      `      after ${said.length} rounds of ${USERS} changes; others' p99 ${p99.toFixed(1)} ms; ` +
        `${Math.round(before / MIB)} MiB before, ${Math.round(most / MIB)} at most`,
    )

    // Who reads on finds the close frame behind what the kernel has, or that it was cut off after it.
    for (const { ws } of stalled) ws.resume()
    for (const socket of stalled) assert([4408, 1006].includes(await socket.closed()), `${socket.code}`)
    const [first] = stalled
    const { cursor } = first?.updates.at(-1) ?? {}
    const back = await open({ query: `?since=${cursor}` })
    await back.ready()
    assert.equal(back.updates.at(-1)?.text.split(' ')[0], `${said.length - 1}`)
  })
})
