import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openConnections } from '../support/open-connections.js'
import { OrdinaryReader } from '../support/ordinary-reader.js'
import { PUBLISHED, PublishedGateway } from '../support/published-gateway.js'
import { RawHttp } from '../support/raw-http.js'
import { residentMemory } from '../support/resident-memory.js'
import { until } from '../support/until.js'

const MEMORY = 400 * 1024 * 1024

describe('A gateway whose clients pipeline', function () {
  this.timeout(90_000)
  let published: PublishedGateway
  let reader: OrdinaryReader | undefined
  const sockets: Socket[] = []

  before(async () => {
    published = await PublishedGateway.start()
  })

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await reader?.stop()
    assert.deepEqual(reader?.failures ?? [], [])
    reader = undefined
    assert.deepEqual(
      published.gateway.logLines.filter(({ level }) => Number(level) >= 50),
      [],
    )
  })

  after(async () => {
    await published?.stop()
  })

  /** Connections that send this and read nothing. */
  function attack(connections: number, bytes: Buffer): void {
    for (let i = 0; i < connections; i++) {
      const socket = connect(published.port, '127.0.0.1')
      socket.on('error', () => {}).pause()
      socket.write(bytes)
      sockets.push(socket)
    }
  }

  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const post = (body: string) =>
    `POST /xmpp/status HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const status = `/xmpp/status/${PUBLISHED}`

  it('answers others in turn while 300 ask for thousands and read nothing', async () => {
    reader = new OrdinaryReader(published.statusUrl)
    attack(300, Buffer.from(get(status).repeat(5000)))
    await until(async () => (await published.answered()) > 10_000, 30_000, 'the attack')
    const answers = reader.answers
    const before = await published.answered()
    await until(() => reader && reader.answers >= answers + 50, 60_000, '50 ordinary answers')
    // 16 for each turn of the event loop, of which an ordinary answer takes some; without turns it was 200,000.
    const meanwhile = (await published.answered()) - before
    assert(meanwhile < 50 * 1000, `${meanwhile} answers to others while 50 were given to the reader`)
    assert(residentMemory(published.pid, true) < MEMORY)
  })

  it('gives who reads all of his answers, in the order asked', async () => {
    const raw = await RawHttp.open(published.port)
    const asked = Array.from({ length: 5000 }, (_, i) => pick(i))
    for (let i = 0; i < asked.length; i += 700) {
      const some = asked.slice(i, i + 700)
      raw.socket.write(some.map(({ request }) => request).join(''))
      await sleep(i % 3)
    }
    raw.socket.end()
    const answers = await raw.untilEnd()
    assert.equal(answers.length, asked.length)
    for (const [i, { body }] of answers.entries()) assert.match(body, asked[i]?.answer ?? /^$/, `answer ${i}`)
  })

  /** Requests whose answers tell them apart. */
  function pick(i: number): { request: string; answer: RegExp } {
    switch ((i * 7919) % 11) {
      case 0:
        return { request: post(`{"jids":["nobody${i}@localhost"]}`), answer: new RegExp(`"nobody${i}@localhost"`) }
      case 1:
        return { request: get('/'), answer: /^This is presence-gateway/ }
      case 2:
        return { request: get(`/xmpp/status/nobody${i}@localhost.json`), answer: /^\{"error":"item-not-found"\}$/ }
      case 3:
        return { request: get('/xmpp/status/a%20b@c.txt'), answer: /^jid-malformed$/ }
      case 4:
      case 5:
        return { request: get(`${status}.txt`), answer: /^away$/ }
      case 6:
        return { request: post('{'), answer: /"errno":100/ }
      default:
        return { request: get(`${status}?${'x'.repeat(i % 997)}`), answer: /^<presence .*<\/presence>$/ }
    }
  }

  it('gives all answers to who has ended his side after asking', async () => {
    for (const count of [1, 10, 17, 200, 1203, 3000]) {
      for (const [last, answer] of [
        [get(`${status}.txt`), 'away'],
        [post('{"jids":[]}'), '{"presences":[]}'],
        [get('/nothing'), '{"result":"KO","errno":130,"error":"not found"}'],
      ] as const) {
        const raw = await RawHttp.open(published.port)
        raw.socket.end(get(`${status}.txt`).repeat(count) + last)
        const answers = await raw.untilEnd()
        assert.equal(answers.length, count + 1, answer)
        assert.equal(answers[count]?.body, answer)
      }
    }
  })

  it('gives what was asked before nonsense, then refuses that', async () => {
    for (const before of [0, 1, 3, 40]) {
      const answers = await RawHttp.ask(published.port, `${get(`${status}.txt`).repeat(before)}nonsense\r\n\r\n`)
      assert.deepEqual(
        answers.map(({ status }) => status),
        [...Array.from({ length: before }, () => 200), 400],
      )
    }
  })

  it('gives what was asked up to Connection: close, and nothing after it', async () => {
    const last = `GET ${status}.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const answers = await RawHttp.ask(published.port, get(`${status}.txt`).repeat(40) + last + get(status).repeat(40))
    assert.equal(answers.length, 41)
    assert.match(answers[40]?.body ?? '', /^\{"jid"/)
  })

  it('stands connections that are reset in the middle of answers and of requests', async () => {
    reader = new OrdinaryReader(published.statusUrl)
    const batch = post(JSON.stringify({ jids: Array.from({ length: 1000 }, () => PUBLISHED) }))
    for (let i = 0; i < 60; i++) {
      const socket = connect(published.port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => {}).pause()
      socket.write((i % 2 === 0 ? batch.repeat(30) : get(status).repeat(3000)).slice(0, -i))
      await sleep(i % 25)
      socket.resetAndDestroy()
    }
    const { answers } = reader
    await until(() => reader && reader.answers > answers + 20, 20_000, 'ordinary answers')
  })

  it('answers others in turn beside 1,000 batches of 1,000', async () => {
    const jids = Array.from({ length: 1000 }, (_, i) => (i % 2 === 1 ? PUBLISHED : `user${i}@localhost`))
    const connections = await Promise.all(Array.from({ length: 1000 }, () => RawHttp.open(published.port)))
    sockets.push(...connections.map(({ socket }) => socket))
    reader = new OrdinaryReader(published.statusUrl)
    for (const { socket } of connections) socket.write(post(JSON.stringify({ jids })))
    for (const raw of connections) {
      const [answer] = await until(() => raw.answers.length > 0 && raw.answers, 60_000, 'the answer to a batch')
      assert.equal(answer?.status, 200)
      assert.match(answer?.body ?? '', /"show":"away".*"user998@localhost"/)
    }
    // A third of a batch for each turn of the event loop; without turns it was two at most.
    assert(reader.answers > 8, `${reader.answers} ordinary answers meanwhile`)
    assert(residentMemory(published.pid, true) < MEMORY)
  })

  it('refuses a batch while others hold all the memory that there is for them, and takes it when they are gone', async () => {
    const batch = `${published.gateway.url}/xmpp/status`
    const ask = async () => (await fetch(batch, { method: 'POST', body: `{"jids":["${PUBLISHED}"]}` })).status
    for (let i = 0; i < 100; i++) {
      const { socket } = await RawHttp.open(published.port)
      socket.write('POST /xmpp/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{')
      sockets.push(socket)
    }
    const refused = await until(async () => {
      const response = await fetch(batch, {
        method: 'POST',
        body: JSON.stringify({ jids: [PUBLISHED], x: 'x'.repeat(900_000) }),
      })
      return response.status === 429 && response
    })
    assert.match(String(refused.headers.get('retry-after')), /^\d+$/)
    assert.match(await refused.text(), /"errno":140/)
    assert.equal((await published.gateway.status(PUBLISHED)).status, 200)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await ask()) === 200)
  })

  it('answers beside 5,000 connections that say nothing, and one that reads nothing, and cuts all off', async () => {
    reader = new OrdinaryReader(published.statusUrl)
    const deaf = await RawHttp.open(published.port)
    sockets.push(deaf.socket.pause())
    // More than the kernel's buffers hold.
    deaf.socket.write(get(status).repeat(60_000))
    const from = deaf.socket.localPort
    let closed = 0
    for (let i = 0; i < 5000; i++) {
      const socket = connect(published.port, '127.0.0.1')
      socket
        .on('error', () => {})
        .once('close', () => closed++)
        .resume()
      sockets.push(socket)
    }
    await until(() => closed === 5000, 40_000, 'their end')
    await until(() => openConnections(published.port, from) === 0, 40_000, 'the end of who reads nothing')
    assert(reader.answers > 50)
  })
})
