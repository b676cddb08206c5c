import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppId } from '../../src/apps/app.js'
import { AppSecrets } from '../../src/apps/app-secrets.js'
import { openDatabase } from '../../src/storage/database.js'
import { secret } from '../../src/storage/secrets.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteChangeLog } from '../../src/storage/sqlite-change-log.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { HostileServer } from '../support/hostile-server.js'
import { COMPONENT, DOMAIN, PRIVILEGE, presenceOf, prosodyLike } from '../support/prosody-like.js'
import { until } from '../support/until.js'
import { verify, WebhookReceiver } from '../support/webhook-receiver.js'
import { anApp } from '../unit/an-app.js'
import { jid } from '../unit/users.js'

const ROUNDS = Number(process.env.WEBHOOK_KILLS ?? 8)
const USERS = 60
const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const TOLD_EVERY_MS = 3
// So many each time; while a call is answered late, more come than some calls hold.
const TOLD_TOGETHER = 30
const LATE_MS = 150
const LATE_ONE_IN = 10
// As many as are in flight together, and one that was answered as the gateway was killed.
const MOST_AGAIN = 9

describe('kill -9 while webhooks are delivered', function () {
  this.timeout(30_000 + ROUNDS * 5_000)
  let server: HostileServer
  let gateway: GatewayProcess
  let receiver: WebhookReceiver
  let signedWith = ''
  /** What each says of herself now: a number that grows. */
  const says = new Map<string, number>()
  const users = Array.from({ length: USERS }, (_, n) => `u${n}@${DOMAIN}`)
  const presence = (user: string) => presenceOf(`${user}/r`, `<status>${says.get(user) ?? 0}</status>`)
  const uidOf = (user: string) => `UID${(user.split('@')[0] ?? '').padEnd(22, '-')}`

  before(async () => {
    receiver = await WebhookReceiver.start()
    const replay = {
      *[Symbol.iterator]() {
        yield PRIVILEGE
        yield* users.map(presence)
      },
    }
    server = await HostileServer.start(prosodyLike(replay))
    gateway = await GatewayProcess.prepare({
      config: {
        xmpp: { service: server.service, domain: COMPONENT, secret: 'secret' },
        domains: { [DOMAIN]: { publish: 'none' } },
        outbound: { allowPrivate: ['127.0.0.0/8'] },
      },
    })
    const database = openDatabase(join(gateway.directory, 'data'))
    try {
      await new SqliteAppStore(database).add(anApp({ appid: APP, verifiedAt: 1, active: true, webhook: receiver.url }))
      const grants = new SqliteGrantStore(database)
      for (const user of users) {
        const grant = { scope: ['status', 'details'], paused: false, grantedAt: 1 } as const
        await grants.save({ ...grant, user: jid(user), appid: APP, uid: uidOf(user) })
      }
      signedWith = new AppSecrets(secret(database, 'apps', randomBytes)).webhookSecret(APP, 0)
    } finally {
      database.close()
    }
  })
  after(async () => {
    await gateway?.stop()
    await server?.stop()
    await receiver?.stop()
  })

  it(`loses nothing, and repeats the same bytes with the same id, ${ROUNDS} times`, async () => {
    const bytes = new Map<string, string>()
    /** By id: the how-manieth it was. */
    const places = new Map<string, number>()
    let last = -1
    let wasKilled = false
    let severalRepeated = 0
    const faults: unknown[] = []
    let repeats = 0
    receiver.answer = async (call) => {
      try {
        verify(call, signedWith)
        const before = bytes.get(call.id)
        if (before !== undefined) {
          repeats++
          assert.equal(call.body, before)
        }
        // After a kill some of the last come again; then it goes on in order.
        const place = places.get(call.id) ?? places.size
        places.set(call.id, place)
        assert(
          place === last + 1 || (wasKilled && place <= last && place > last - MOST_AGAIN),
          `${place} after ${last}`,
        )
        if (place < last) severalRepeated++
        last = place
        wasKilled = false
      } catch (error) {
        faults.push(error)
      }
      bytes.set(call.id, call.body)
      await sleep(Math.random() < 1 / LATE_ONE_IN ? LATE_MS : Math.random() * 5)
      return 204
    }
    let n = 0
    for (let round = 1; round <= ROUNDS; round++) {
      const calls = receiver.calls.length
      const links = server.connections.length
      await gateway.start()
      await until(() => server.connections.length > links, 10_000, 'the link')
      const connection = await server.accepted()
      const end = performance.now() + 100 + Math.random() * 300
      while (performance.now() < end || receiver.calls.length === calls) {
        for (let each = 0; each < TOLD_TOGETHER; each++) {
          const user = users[n % USERS] ?? ''
          says.set(user, ++n)
          connection.socket.write(presence(user))
        }
        await sleep(TOLD_EVERY_MS)
      }
      await gateway.kill9()
      wasKilled = true
    }
    await gateway.start()
    const told = () => new Map(receiver.pairs.map(([uid, , details]) => [uid, (details as { text: string }).text]))
    await until(() => users.every((user) => told().get(uidOf(user)) === String(says.get(user))), 10_000, 'the newest')
    await gateway.shutDown()
    assert.deepEqual(faults, [])
    assert(repeats > 0, 'no kill hit a call')

    const received = new Map<string, number[]>(users.map((user) => [uidOf(user), []]))
    for (const [uid, , details] of receiver.pairs) {
      const { text } = details as { text: string | null }
      received.get(String(uid))?.push(Number(text))
    }
    // In order.
    for (const texts of received.values())
      assert.deepEqual(
        texts,
        [...texts].sort((a, b) => a - b),
      )
    let logged = 0
    const database = openDatabase(join(gateway.directory, 'data'))
    try {
      const log = new SqliteChangeLog(database)
      for (let batches = (await log.after(0, 1e9)) ?? []; batches.length > 0; ) {
        for (const { presences } of batches) {
          for (const change of presences) {
            if (change === null || !users.includes(change.user)) continue
            logged++
            const texts = received.get(uidOf(change.user)) ?? []
            // What came before the first call is in it by the latest.
            const isTold = texts.includes(Number(change.text)) || Number(change.text) < (texts[0] ?? 0)
            assert(isTold, `${change.user} said ${change.text}`)
          }
        }
        batches = (await log.after(batches.at(-1)?.number ?? 0, 1e9)) ?? []
      }
    } finally {
      database.close()
    }
    console.log(`      ${logged} changes, ${bytes.size} calls, ${repeats} repeated, ${severalRepeated} times several`)
  })
})
