import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { AppId } from '../../src/apps/app.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { signedIn } from '../support/signed-in.js'
import { until } from '../support/until.js'
import { verify, WebhookReceiver } from '../support/webhook-receiver.js'
import { anApp } from '../unit/an-app.js'
import { jid } from '../unit/users.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** A process of its own; it needs no XMPP server for this. */
describe('Webhooks by API', function () {
  this.timeout(30_000)
  let gateway: GatewayProcess
  let receiver: WebhookReceiver
  let token: string
  let stranger: string

  before(async () => {
    receiver = await WebhookReceiver.start()
    gateway = await GatewayProcess.prepare({
      config: {
        xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:9' },
        outbound: { allowPrivate: ['127.0.0.0/8'] },
        limits: { webhookTimeout: '1s' },
      },
    })
    token = (await signedIn(gateway, 'alice@localhost')).token
    stranger = (await signedIn(gateway, 'bob@localhost')).token
    const database = openDatabase(join(gateway.directory, 'data'))
    const user = jid('carol@localhost')
    const grant = { user, appid: APP, uid: 'UIDcarol', scope: ['status'], paused: false, grantedAt: 1 } as const
    await new SqliteAppStore(database).add(
      anApp({ appid: APP, verifiedAt: 1, active: true, members: [jid('alice@localhost')] }),
    )
    await new SqliteGrantStore(database).save(grant)
    database.close()
    await gateway.start()
  })
  after(async () => {
    await gateway?.stop()
    await receiver?.stop()
  })

  async function ask(method: string, path: string, body?: unknown, bearer = token) {
    const headers = { Authorization: `Bearer ${bearer}` }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch(`${gateway.url}/api/apps/${APP}${path}`, init)
    // biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
    return { status: response.status, json: (await response.json()) as any }
  }
  const errno = async (...asked: Parameters<typeof ask>) => {
    const { status, json } = await ask(...asked)
    return [status, json.errno]
  }

  it('are nobody else’s, and nothing before there is one', async () => {
    for (const [method, path] of [
      ['POST', '/webhook/test'],
      ['POST', '/webhook/replay'],
      ['GET', '/deliveries'],
    ] as const) {
      assert.deepEqual(await errno(method, path, undefined, stranger), [404, 130], path)
    }
    assert.equal((await ask('GET', '')).json.webhookState, null)
    assert.deepEqual((await ask('GET', '/deliveries')).json, { deliveries: [] })
    assert.deepEqual(await errno('POST', '/webhook/test'), [409, 131])
    assert.deepEqual(await errno('POST', '/webhook/replay', { cursor: 'x' }), [409, 131])
  })

  it('are set, called, tried, replayed, rotated and taken away', async () => {
    const { json } = await ask('PUT', '/webhook', { url: receiver.url })
    const secret = json.secret as string
    await until(() => receiver.calls.length > 0)
    const [first] = receiver.calls
    assert.ok(first)
    verify(first, secret)
    assert.deepEqual(first.json.data, [['UIDcarol', 'unknown']])
    assert.deepEqual((await ask('GET', '')).json.webhookState, { on: true, failingSince: null, off: null })

    const deliveries = await until(async () => {
      const found = (await ask('GET', '/deliveries')).json.deliveries
      return found.length > 0 && found
    })
    const [{ at, ms, ...delivery }] = deliveries
    assert.match(at, RFC3339)
    assert(ms >= 0 && ms < 5000)
    assert.deepEqual(delivery, { id: first.id, attempt: 1, status: 204, updates: 1 })

    const tried = await ask('POST', '/webhook/test')
    assert.equal(tried.json.status, 204)
    const ping = receiver.calls.at(-1)
    assert.ok(ping)
    verify(ping, secret)
    assert.equal(ping.json.type, 'ping')
    receiver.answer = () => 'hang'
    assert.deepEqual((await ask('POST', '/webhook/test')).json, { error: 'it took longer than 1 s' })
    receiver.answer = () => 204

    assert.deepEqual(await errno('POST', '/webhook/replay', { cursor: 'x'.repeat(22) }), [400, 101])
    assert.deepEqual((await ask('POST', '/webhook/replay', { cursor: first.json.cursor })).json, { result: 'OK' })

    const next = (await ask('POST', '/webhook/rotate')).json.secret
    await ask('POST', '/webhook/test')
    const last = receiver.calls.at(-1)
    assert.ok(last)
    verify(last, next)
    verify(last, secret)

    assert.deepEqual((await ask('DELETE', '/webhook')).json, { result: 'OK' })
    await until(async () => (await ask('GET', '/deliveries')).json.deliveries.length === 0)
  })

  it('are off where they are gone, say so, and begin again when they are set again', async () => {
    receiver.answer = () => 410
    await ask('PUT', '/webhook', { url: receiver.url })
    const state = async () => (await ask('GET', '')).json.webhookState
    await until(async () => (await state()).off === 'gone')
    assert.equal((await state()).on, false)
    await until(() => gateway.logLines.some(({ msg }) => msg === 'a webhook is off: it answered 410'))
    const before = receiver.calls.length
    receiver.answer = () => 204
    await ask('PUT', '/webhook', { url: receiver.url })
    await until(() => receiver.calls.length > before)
    await until(async () => (await state()).failingSince === null)
    assert.deepEqual(await state(), { on: true, failingSince: null, off: null })
  })

  it('are counted for the admin by what was answered', async () => {
    const text = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    for (const answer of ['2xx', '4xx', 'none']) {
      assert.match(text, new RegExp(`^presence_gateway_webhook_calls_total\\{answer="${answer}"\\} [1-9]`, 'm'))
    }
  })
})
