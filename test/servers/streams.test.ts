import assert from 'node:assert/strict'
import { AppReader, type Heard, type ReaderKind, TRANSPORTS } from '../support/app-reader.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { type GrantedApp, grantedApp } from '../support/granted-app.js'
import { startProsody } from '../support/prosody.js'
import { signedIn } from '../support/signed-in.js'
import { until } from '../support/until.js'
import { WebhookReceiver } from '../support/webhook-receiver.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'
import { jid } from '../unit/users.js'

const ROUNDS = 10
const DEVELOPER = 'alice@localhost'
const USERS = ['alice@localhost', 'bob@localhost', 'carol@localhost']

describe('Changes on Prosody, as an app hears them', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  let app: GrantedApp
  let receiver: WebhookReceiver
  let token: string
  const users: XmppUser[] = []
  const readers: AppReader[] = []

  before(async () => {
    server = await startProsody({ mode: 'privileged', users: ['alice', 'bob', 'carol'] })
    receiver = await WebhookReceiver.start()
    gateway = await GatewayProcess.prepare({ server, config: { outbound: { allowPrivate: ['127.0.0.0/8'] } } })
    app = await grantedApp(gateway, USERS.slice(0, 2), { app: { webhook: receiver.url, members: [jid(DEVELOPER)] } })
    token = (await signedIn(gateway, DEVELOPER)).token
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
    await receiver?.stop()
  })

  /** What the webhook was told, in the order in which it was; of each call the last has its cursor. */
  const called = (): Heard[] =>
    receiver.calls.flatMap(({ json: { data, cursor } }) =>
      data.map(([uid, status, { text }]: [string, string, { text: string | null }], i: number) => {
        return { uid, status, text, cursor: i === data.length - 1 ? cursor : null }
      }),
    )

  async function open(kind: ReaderKind, since?: string): Promise<AppReader> {
    const reader = await AppReader.open(kind, { url: gateway.url, ...app, ...(since !== undefined && { since }) })
    readers.push(reader)
    return reader
  }

  const plain = (heard: readonly Heard[]) => heard.map(({ uid, status, text }) => `${uid} ${status} ${text}`)

  it('arrive by three transports and a webhook in one order with one set of cursors; each goes on from the cursor of another', async () => {
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
    // It began with how everybody was.
    const posted = await until(() => {
      const last = called().slice(-all)
      return last.filter(({ text }) => text === `${ROUNDS}`).length === app.uids.size && last
    })
    assert.deepEqual(plain(posted), plain(socket.heard))
    for (const [place, { cursor }] of posted.entries()) {
      if (cursor !== null) assert.equal(cursor, socket.heard[place]?.cursor)
    }

    const sources = { lines, events, socket }
    for (const [index, kind] of TRANSPORTS.entries()) {
      const { heard } = sources[TRANSPORTS[(index + 1) % TRANSPORTS.length] ?? 'lines']
      const place = heard.findIndex(({ cursor }, at) => cursor !== null && at >= ROUNDS)
      const reader = await open(kind, heard[place]?.cursor ?? '')
      assert.deepEqual(plain(reader.heard), plain(socket.heard.slice(place + 1)), kind)
      assert.deepEqual(reader.snapshot, [])
    }
    const half = posted.findIndex(({ cursor }, at) => cursor !== null && at >= ROUNDS)
    const reader = await open('lines', posted[half]?.cursor ?? '')
    assert.deepEqual(plain(reader.heard), plain(socket.heard.slice(half + 1)))
    const before = called().length
    const { status } = await fetch(`${gateway.url}/api/apps/${app.appid}/webhook/replay`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ cursor: lines.heard.find(({ cursor }, at) => cursor !== null && at >= half)?.cursor }),
    })
    assert.equal(status, 200)
    const from = lines.heard.findIndex(({ cursor }, at) => cursor !== null && at >= half) + 1
    await until(() => called().length === before + all - from)
    assert.deepEqual(plain(called().slice(before)), plain(socket.heard.slice(from)))
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
