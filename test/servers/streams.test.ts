import assert from 'node:assert/strict'
import { AppReader, type Heard, type ReaderKind, TRANSPORTS } from '../support/app-reader.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { type GrantedApp, grantedApp } from '../support/granted-app.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const ROUNDS = 10
const USERS = ['alice@localhost', 'bob@localhost', 'carol@localhost']

describe('Changes on Prosody, as an app hears them', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  let app: GrantedApp
  const users: XmppUser[] = []
  const readers: AppReader[] = []

  before(async () => {
    server = await startProsody({ mode: 'privileged', users: ['alice', 'bob', 'carol'] })
    gateway = await GatewayProcess.prepare({ server })
    app = await grantedApp(gateway, USERS.slice(0, 2))
    for (const jid of USERS) users.push(await XmppUser.login({ port: server.c2sPort, jid }))
    await gateway.start()
    for (const user of users) await user.setPresence({ status: 'here' })
    for (const jid of USERS) await gateway.untilStatus(jid, ({ body }) => body.includes('here'))
    // On the board; in the log a tick later, and then in snapshots.
    const reader = await open('lines')
    const all = [reader.snapshot, reader.heard]
    await until(() => all.flat().filter(({ text }) => text === 'here').length === 2)
  })
  after(async () => {
    for (const reader of readers) reader.close()
    for (const user of users) await user.logout()
    await gateway?.stop()
    await server?.stop()
  })

  async function open(kind: ReaderKind, since?: string): Promise<AppReader> {
    const reader = await AppReader.open(kind, { url: gateway.url, ...app, ...(since !== undefined && { since }) })
    readers.push(reader)
    return reader
  }

  const plain = (heard: readonly Heard[]) => heard.map(({ uid, status, text }) => `${uid} ${status} ${text}`)

  it('arrive by three transports in one order with one set of cursors; each goes on from the cursor of another', async () => {
    const [lines, events, socket] = [await open('lines'), await open('events'), await open('socket')]
    for (const { snapshot } of [lines, events, socket]) {
      assert.deepEqual(
        new Map(snapshot.map(({ uid, status, text }) => [uid, `${status} ${text}`])),
        new Map([...app.uids.values()].map((uid) => [uid, 'online here'])),
      )
    }
    // Both at once: nobody knows in which order they come.
    for (let round = 1; round <= ROUNDS; round++) {
      const show = round % 2 ? 'away' : 'dnd'
      await Promise.all(users.map((user) => user.setPresence({ show, status: `${round}` })))
      // What changes again within a tick is told once.
      for (const { heard } of [lines, events, socket]) await until(() => heard.length === 2 * round)
    }
    const all = 2 * ROUNDS
    assert.deepEqual(lines.heard, events.heard)
    assert.deepEqual(plain(lines.heard), plain(socket.heard))
    for (const uid of app.uids.values()) {
      const texts = socket.heard.filter((heard) => heard.uid === uid).map(({ text }) => text)
      assert.deepEqual(
        texts,
        Array.from({ length: ROUNDS }, (_, round) => `${round + 1}`),
      )
    }
    // A line has the cursor of its last update.
    for (const [place, { cursor }] of lines.heard.entries()) {
      if (cursor !== null) assert.equal(cursor, socket.heard[place]?.cursor)
    }
    assert.equal(new Set(socket.heard.map(({ cursor }) => cursor)).size, all)

    const sources = { lines, events, socket }
    for (const [index, kind] of TRANSPORTS.entries()) {
      const { heard } = sources[TRANSPORTS[(index + 1) % TRANSPORTS.length] ?? 'lines']
      const place = heard.findIndex(({ cursor }, at) => cursor !== null && at >= ROUNDS)
      const reader = await open(kind, heard[place]?.cursor ?? '')
      assert.deepEqual(plain(reader.heard), plain(socket.heard.slice(place + 1)), kind)
      assert.deepEqual(reader.snapshot, [])
    }
  })

  it('are not missed while the gateway restarts, and nobody begins anew', async () => {
    const before = await open('lines')
    const cursor = before.signals.find(({ ready }) => ready)?.cursor ?? ''
    await users[0]?.setPresence({ show: 'xa', status: 'before' })
    await until(() => before.heard.length === 1)
    await gateway.restart()
    await gateway.untilStatus('alice@localhost', ({ headers }) => headers.get('presence-freshness') === 'live', {
      timeoutMs: 20_000,
    })
    await users[0]?.setPresence({ show: 'dnd', status: 'after' })
    await gateway.untilStatus('alice@localhost', ({ body }) => body.includes('after'))
    assert.ok(before.signals.some((said) => 'reconnect' in said))
    for (const kind of TRANSPORTS) {
      const reader = await open(kind, cursor)
      await until(() => reader.heard.length >= 2)
      assert.deepEqual(
        reader.heard.map(({ text }) => text),
        ['before', 'after'],
        kind,
      )
      assert.deepEqual(reader.snapshot, [])
    }
  })
})
