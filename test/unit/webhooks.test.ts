import assert from 'node:assert/strict'
import type { AppId } from '../../src/apps/app.js'
import type { WebhookChange } from '../../src/delivery/webhook-store.js'
import { OutboundPosts } from '../../src/http/outbound-posts.js'
import type { BareJid } from '../../src/presence/jid.js'
import type { Storage } from '../../src/storage/storage.js'
import { until } from '../support/until.js'
import { assertSigned, WebhookReceiver } from '../support/webhook-receiver.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid, presence } from './users.js'
import { ALICE, APP, WebhookWorld, type WorldOptions } from './webhook-world.js'

const BOB = jid('bob@h')
const CAROL = jid('carol@h')

describe('Webhooks', () => {
  const directory = temporaryDirectory()
  let clock: FakeClock
  let world: WebhookWorld
  let receiver: WebhookReceiver
  beforeEach(async () => {
    clock = new FakeClock()
    receiver = await WebhookReceiver.start()
    world = await WebhookWorld.open(directory(), clock)
  })
  afterEach(async () => {
    await world.close()
    await receiver.stop()
    assert.equal(clock.timers, 0)
  })

  const restart = async (options: WorldOptions = {}) => {
    await world.close()
    world = await WebhookWorld.open(directory(), clock, options)
  }
  const shown = async (user: BareJid, show: 'online' | 'away' | 'dnd', text: string | null = null) => {
    world.board.put(user, 'r', presence({ show, text }))
    await clock.passing(5)
  }
  /** Short, for what is compared. */
  const told = (from = 0) =>
    receiver.calls.slice(from).map(({ json }) => json.data.map((pair: unknown[]) => short(pair).join(' ')).join(', '))
  const short = ([uid, ...rest]: unknown[]) => [
    String(uid).replace(/UID(\w+)-+/, '$1'),
    ...rest.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))),
  ]
  const called = (times: number) => until(() => receiver.calls.length >= times, 5000, `call ${times}`)
  /** Until that many failures in a row are stored. */
  const failed = (times: number) =>
    until(async () => (await world.storage.webhooks.find(APP))?.failures === times, 5000, `failure ${times}`)
  const stateOf = async () => {
    const app = await world.apps.find(APP)
    const state = app && (await world.webhooks.stateOf(app))
    assert.ok(state)
    return state
  }
  const turnOn = async () => {
    const app = await world.apps.find(APP)
    assert.ok(app)
    await world.webhooks.turnOn(app)
  }
  /** Until nothing is under way any more. */
  const settled = () =>
    until(
      async () => {
        const state = await world.storage.webhooks.find(APP)
        return state !== null && state.flights.length === 0
      },
      5000,
      'nothing to be in flight',
    )

  it('begin with how everybody is, and go on with what changes', async () => {
    await world.grant(ALICE)
    await world.grant(BOB)
    await shown(ALICE, 'away')
    await world.app(receiver.url)
    await called(1)
    await settled()
    await shown(BOB, 'dnd')
    await called(2)
    assert.deepEqual(told(), ['alice away, bob unknown', 'bob unavailable'])
    const [, call] = receiver.calls
    assert.ok(call)
    assert.match(
      call.body,
      /^\{"type":"presence\.updated","timestamp":"2026-03-01T12:00:00\.\d{3}Z","cursor":"[\w-]{22}","data":\[\["UIDbob-{19}","unavailable"\]\]\}$/,
    )
    assert.match(call.id, /^msg_[\w-]{22}$/)
    assert.equal(call.headers['content-type'], 'application/json')
    assert.equal(call.timestamp, Math.floor(clock.now() / 1000))
    assertSigned(call, world.secret())
    assert.equal(receiver.connections, 1)
  })

  it('call again what failed, with the same id and bytes, when the table says', async () => {
    await world.grant(ALICE)
    receiver.answer = () => 500
    await world.app(receiver.url)
    await called(1)
    const began = clock.now()
    const waits = [
      5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000, 86_400_000,
    ]
    for (const [n, wait] of waits.entries()) {
      await failed(n + 1)
      await clock.passing(wait - 1)
      await restart()
      assert.equal(receiver.calls.length, n + 1, `after failure ${n + 1}`)
      await clock.passing(1)
      await called(n + 2)
    }
    const [first, second, third, fourth, fifth] = receiver.calls
    // Up to an hour the same; then it is given up.
    assert.deepEqual([second?.id, third?.id, fourth?.id], [first?.id, first?.id, first?.id])
    assert.equal(new Set([first, second, third, fourth].map((call) => call?.body)).size, 1)
    assert.notEqual(fifth?.id, first?.id)
    for (const call of receiver.calls) assertSigned(call, world.secret())
    assert.deepEqual(
      receiver.calls.slice(0, 3).map(({ timestamp }) => timestamp * 1000 - began),
      [0, 5_000, 305_000],
    )
    // The last try is after 120 hours; then it is off, and whoever has it is told.
    await failed(waits.length + 1)
    world.reachable = false
    await clock.passing(120 * 3_600_000 - (clock.now() - began))
    await called(waits.length + 2)
    await until(async () => (await world.storage.webhooks.find(APP))?.off)
    assert.deepEqual(world.notices, [])
    assert.deepEqual(world.wentOff, [[APP, 'failing']])
    world.reachable = true
    await clock.passing(60_000)
    await until(() => world.notices.length > 0)
    assert.deepEqual(world.notices, ['alice@h failing'])
    await restart()
    await shown(ALICE, 'away')
    await clock.passing(48 * 3_600_000)
    assert.deepEqual([receiver.calls.length, world.notices], [waits.length + 2, []])
    // Told again where to, it begins with what was missed.
    receiver.answer = () => 204
    await turnOn()
    await called(waits.length + 3)
    assert.deepEqual(told(waits.length + 2), ['alice away'])
    await settled()
    assert.equal((await world.storage.webhooks.find(APP))?.failingSince, null)
  })

  it('tell the latest of whoever changed, where a batch was given up', async () => {
    await world.grant(ALICE)
    await world.grant(BOB)
    await world.grant(CAROL)
    await world.app(receiver.url)
    await called(1)
    await settled()
    receiver.answer = () => 500
    await shown(ALICE, 'away')
    await called(2)
    for (const show of ['dnd', 'online', 'dnd'] as const) await shown(BOB, show)
    await failed(1)
    await clock.passing(5_000)
    await called(3)
    await failed(2)
    await clock.passing(300_000)
    await called(4)
    await failed(3)
    await world.revoke(CAROL)
    await clock.passing(1_800_000)
    await called(5)
    await failed(4)
    receiver.answer = () => 204
    await clock.passing(7_200_000)
    await called(6)
    assert.deepEqual(told(1), [
      'alice away',
      'alice away',
      'alice away',
      'alice away',
      'alice away, bob unavailable, carol offline {"revoked":true}',
    ])
    await settled()
    await shown(ALICE, 'online')
    await called(7)
    assert.deepEqual(told(6), ['alice online'])
  })

  for (const [what, answer, error] of [
    ['redirects', { status: 302, headers: { location: '/other' } }, null],
    ['hangs', 'hang', 'it took longer than 15 s'],
    ['is busy', 503, null],
  ] as const) {
    it(`take it for a failure where it ${what}`, async () => {
      await world.grant(ALICE)
      receiver.answer = () => answer
      await world.app(receiver.url)
      await called(1)
      if (answer === 'hang') await clock.passing(15_000)
      await failed(1)
      receiver.answer = () => 200
      await clock.passing(5_000)
      await called(2)
      await settled()
      assert.equal(receiver.calls[1]?.id, receiver.calls[0]?.id)
      assert.deepEqual(
        receiver.calls.map(({ path }) => path),
        ['/webhook', '/webhook'],
      )
      const [second, first] = await world.storage.webhooks.deliveries(APP)
      assert.deepEqual([second?.attempt, second?.status, second?.updates], [2, 200, 1])
      assert.deepEqual([first?.attempt, first?.error], [1, error])
      assert.equal(first?.id, second?.id)
    })
  }

  for (const [what, retryAfter, wait] of [
    ['in seconds', '120', 120_000],
    ['as a date', 'Sun, 01 Mar 2026 12:10:00 GMT', 600_000],
    ['for longer than a day', '9999999', 86_400_000],
    ['for no time', '0', 5_000],
    ['in words', 'later', 5_000],
  ] as const) {
    it(`come back when they are asked to, ${what}`, async () => {
      await world.grant(ALICE)
      receiver.answer = () => ({ status: 429, headers: { 'retry-after': retryAfter } })
      await world.app(receiver.url)
      await called(1)
      await failed(1)
      const { nextAt = 0 } = (await world.storage.webhooks.find(APP)) ?? {}
      const slack = 5
      assert(Math.abs(nextAt - clock.now() - wait) <= slack, `${nextAt - clock.now()}`)
      await clock.passing(wait - slack - 1)
      assert.equal(receiver.calls.length, 1)
      await clock.passing(slack + 1)
      await called(2)
    })
  }

  it('are off at once where it is gone, and its members are told', async () => {
    await world.grant(ALICE)
    receiver.answer = () => 410
    await world.app(receiver.url)
    await until(() => world.notices.length > 0)
    assert.deepEqual(world.notices, ['alice@h gone'])
    assert.deepEqual(world.wentOff, [[APP, 'gone']])
    assert.deepEqual(world.webhooks.counts, { working: 0, failing: 0, off: 1 })
    await shown(ALICE, 'away')
    await clock.passing(48 * 3_600_000)
    assert.equal(receiver.calls.length, 1)
    receiver.answer = () => 204
    await turnOn()
    await called(2)
    assert.deepEqual(told(1), ['alice away'])
    await settled()
    assert.deepEqual(world.webhooks.counts, { working: 1, failing: 0, off: 0 })
  })

  it('hold nothing against another URL that the one before answers', async () => {
    let answer: (status: number) => void = () => {}
    receiver.answer = ({ path }) => (path === '/webhook' ? new Promise((done) => (answer = done)) : 503)
    await world.grant(ALICE)
    await world.app(receiver.url)
    await called(1)
    const app = await world.apps.find(APP)
    assert.ok(app)
    await world.storage.apps.save({ ...app, webhook: `http://127.0.0.1:${receiver.port}/other` })
    await turnOn()
    answer(410)
    await called(2)
    await failed(1)
    const [first, second] = receiver.calls
    assert.deepEqual([second?.path, second?.id, second?.body], ['/other', first?.id, first?.body])
    assert.deepEqual(world.notices, [])
    await clock.passing(5000)
    await called(3)
  })

  it('make nobody wait for a call that hangs, who stops its app and begins anew', async () => {
    receiver.answer = () => 'hang'
    await world.grant(ALICE)
    await world.app(receiver.url)
    await called(1)
    const app = await world.apps.find(APP)
    assert.ok(app)
    await world.storage.apps.save({ ...app, active: false })
    world.webhooks.changed(APP)
    await until(() => world.webhooks.counts.working === 0)
    await world.storage.apps.save(app)
    receiver.answer = () => 204
    await turnOn()
    await called(2)
    await settled()
    assert.equal(receiver.calls[1]?.id, receiver.calls[0]?.id)
  })

  it('say nothing any more of who takes her grant back or pauses it, not even again', async () => {
    await world.grant(ALICE)
    await world.grant(BOB, { scope: ['status', 'details'] })
    await world.app(receiver.url)
    await called(1)
    await settled()
    receiver.answer = () => 500
    await shown(ALICE, 'away')
    await shown(BOB, 'dnd', 'secret')
    await called(2)
    await failed(1)
    await clock.passing(5_000)
    await called(3)
    await failed(2)
    await world.revoke(ALICE)
    await world.grant(BOB, { paused: true })
    await restart()
    await clock.passing(300_000)
    await called(4)
    assert.equal(receiver.calls[2]?.id, receiver.calls[1]?.id)
    assert.notEqual(receiver.calls[3]?.id, receiver.calls[1]?.id)
    const [last] = told(3)
    assert.deepEqual(last, 'alice offline {"revoked":true}, bob offline')
  })

  it('are signed with both secrets for a day after another was made', async () => {
    await world.grant(ALICE)
    await world.app(receiver.url)
    await called(1)
    const app = await world.apps.find(APP)
    assert.ok(app)
    await world.apps.rotateWebhook(app, ALICE)
    await shown(ALICE, 'away')
    await called(2)
    const [newest = '', ...others] = receiver.calls[1]?.headers['webhook-signature']?.split(' ') ?? []
    assert.equal(others.length, 1)
    const [, call] = receiver.calls
    assert.ok(call)
    assertSigned({ ...call, headers: { 'webhook-signature': newest } }, world.secret(1))
    assertSigned(call, world.secret(0))
    await settled()
    await clock.passing(86_400_000)
    await shown(ALICE, 'dnd')
    await called(3)
    assert.equal(receiver.calls[2]?.headers['webhook-signature']?.split(' ').length, 1)
    assertSigned(receiver.calls[2] ?? call, world.secret(1))
  })

  it('are never ahead of one another, and carry at most 100 each', async () => {
    const users = Array.from({ length: 250 }, (_, n) => jid(`u${String(n).padStart(3, '0')}@h`))
    for (const user of users) await world.grant(user, { scope: ['status', 'details', 'address'] })
    await world.app(receiver.url)
    await until(() => receiver.pairs.length >= 250)
    await settled()
    assert.deepEqual(
      receiver.calls.map(({ json }) => json.data.length),
      [100, 100, 50],
    )
    const before = receiver.calls.length
    let underWay = 0
    receiver.answer = async () => {
      assert.equal(++underWay, 1)
      await new Promise((resolve) => setTimeout(resolve, 1))
      underWay--
      return 204
    }
    for (const show of ['away', 'dnd', 'online'] as const) {
      for (const user of users) world.board.put(user, 'r', presence({ show, text: '\u0001'.repeat(200) }))
      await clock.passing(5)
    }
    await until(() => receiver.pairs.length >= 1000, 20_000)
    await settled()
    const statuses = new Map<string, string[]>()
    for (const { json, body } of receiver.calls.slice(before)) {
      assert(json.data.length <= 100)
      assert(body.length <= 20_000, `${body.length}`)
      for (const [uid, status] of json.data) statuses.set(uid, [...(statuses.get(uid) ?? []), status])
    }
    for (const said of statuses.values()) assert.deepEqual(said, ['away', 'unavailable', 'online'])
    assert.equal(statuses.size, 250)
  })

  it('send nothing that is not stored, when a grant changes while the disk is full', async () => {
    let isFull = false
    let refused = 0
    const store = ({ webhooks }: Storage) => ({
      find: (appid: AppId) => webhooks.find(appid),
      wanted: () => webhooks.wanted(),
      remove: (appid: AppId) => webhooks.remove(appid),
      deliveries: (appid: AppId) => webhooks.deliveries(appid),
      save: async (changes: readonly WebhookChange[]) => {
        if (!isFull) return webhooks.save(changes)
        refused++
        throw new Error('the disk is full')
      },
    })
    const unstored: string[] = []
    const posts = new OutboundPosts(['127.0.0.0/8'], clock)
    const post: WorldOptions['post'] = {
      post: async (url, headers, body, ...rest) => {
        const stored = await world.storage.webhooks.find(APP)
        if (!stored?.flights.some((flight) => flight.body === body)) unstored.push(body)
        return posts.post(url, headers, body, ...rest)
      },
      close: () => posts.close(),
    }
    await restart({ store, post })
    const others = Array.from({ length: 200 }, (_, n) => jid(`u${n}@h`))
    const users = [...others.slice(0, 50), ALICE, ...others.slice(50)]
    for (const user of users) await world.grant(user)
    await world.app(receiver.url)
    await until(() => receiver.pairs.length >= users.length)
    await settled()

    let answer = () => false
    receiver.answer = () =>
      new Promise((resolve) => {
        answer = () => {
          resolve(204)
          return false
        }
      })
    const before = receiver.calls.length
    for (const user of others) world.board.put(user, 'r', presence())
    await clock.passing(5)
    await called(before + 1)
    for (const show of ['away', 'dnd', 'online', 'chat'] as const) {
      for (const user of show === 'away' ? users : others) world.board.put(user, 'r', presence({ show }))
      await clock.passing(5)
    }
    const flights = async () => (await stateOf()).flights
    const namesHer = (flight?: { readonly body: string }) => flight?.body.includes('UIDalice') ?? false
    const last = () => receiver.calls.at(-1)
    await until(() => namesHer(last()) || answer())
    const together = (await flights()).length
    assert.ok(together > 2)
    await until(() => !namesHer(last()) || answer())
    // The first of several that are stored together names her, and was answered. The next one is on its way.
    isFull = true
    const left = (await flights()).length
    assert.equal(left, together - 1)
    assert.ok(namesHer((await world.storage.webhooks.find(APP))?.flights[0]))
    await world.revoke(ALICE)
    assert.deepEqual((await world.storage.webhooks.find(APP))?.flights, [])
    await until(() => refused > 0)
    answer()
    await until(async () => (await flights()).length < left)
    for (let n = 0; n < 5; n++) await clock.passing(1000)
    assert.equal((await flights()).length, left - 1)
    assert.ok(refused > 3)
    isFull = false
    await until(async () => {
      await clock.passing(1000)
      answer()
      return (await flights()).length === 0
    })
    assert.deepEqual(unstored, [])
  })

  it('go on after a restart where they were, with what happened meanwhile', async () => {
    await world.grant(ALICE)
    await world.grant(BOB)
    await world.app(receiver.url)
    await called(1)
    await settled()
    await restart()
    await shown(BOB, 'away')
    await called(2)
    assert.deepEqual(told(1), ['bob away'])
    await settled()
    // In another epoch nobody knows what was missed.
    await restart({ boot: 'another' })
    await restart({ boot: 'another' })
    assert.equal(receiver.calls.length, 2)
  })

  it('begin with how everybody is, where the log is another one than before', async () => {
    await world.grant(ALICE)
    await world.grant(BOB)
    await world.app(receiver.url)
    await called(1)
    await settled()
    await shown(BOB, 'away')
    await called(2)
    await settled()
    const state = await world.storage.webhooks.find(APP)
    assert.ok(state)
    await world.close()
    world = await WebhookWorld.open(directory(), clock)
    await world.storage.webhooks.save([{ appid: APP, state: { ...state, epoch: '0000000000000000' } }])
    await world.close()
    world = await WebhookWorld.open(directory(), clock)
    await called(3)
    assert.deepEqual(told(2), ['alice unknown, bob away'])
  })

  it('tell again from a cursor on, of the log that is kept', async () => {
    await world.grant(ALICE)
    await world.app(receiver.url)
    await called(1)
    for (const [n, show] of (['away', 'dnd', 'online'] as const).entries()) {
      await shown(ALICE, show)
      await called(n + 2)
    }
    await settled()
    const app = await world.apps.find(APP)
    assert.ok(app)
    const fault = (cursor: string) =>
      world.webhooks.replay(app, cursor).then(
        () => 'done',
        (error) => error.kind,
      )
    assert.equal(await fault('x'.repeat(22)), 'bad-field')
    await world.webhooks.replay(app, receiver.calls[1]?.json.cursor)
    await called(5)
    assert.deepEqual(told(4), ['alice unavailable, alice online'])
    assert.equal(receiver.calls[4]?.json.cursor, receiver.calls[3]?.json.cursor)
  })

  it('are tried when somebody wants to, whatever is to be told', async () => {
    receiver.answer = () => 410
    await world.app(receiver.url)
    const app = await world.apps.find(APP)
    assert.ok(app)
    const outcome = await world.webhooks.test(app)
    assert.deepEqual({ ...outcome, ms: 0 }, { status: 410, ms: 0 })
    const [call] = receiver.calls
    assert.ok(call)
    assertSigned(call, world.secret())
    assert.match(call.body, /^\{"type":"ping","timestamp":"[^"]+"\}$/)
    assert.equal((await world.webhooks.stateOf(app))?.off ?? null, null)
    for (let n = 2; n <= 10; n++) await world.webhooks.test(app)
    await assert.rejects(world.webhooks.test(app), { kind: 'too-often' })
  })

  it('send nothing for an app that is not active, and forget one that is gone', async () => {
    await world.grant(ALICE)
    await world.app(receiver.url)
    await called(1)
    await settled()
    const app = await world.apps.find(APP)
    assert.ok(app)
    await world.apps.deactivate(app, ALICE)
    await until(async () => (await world.webhooks.stateOf(app))?.progress)
    await shown(ALICE, 'away')
    await shown(ALICE, 'dnd')
    assert.equal(receiver.calls.length, 1)
    await world.apps.activate(app, ALICE)
    await called(2)
    assert.deepEqual(told(1), ['alice away, alice unavailable'])
    await settled()
    await world.apps.remove(app, ALICE)
    await until(async () => (await world.storage.webhooks.find(APP)) === null)
    assert.deepEqual(await world.storage.webhooks.deliveries(APP), [])
  })

  it('keep one another waiting for nothing: 300 that hang, and one that answers', async () => {
    await world.grant(ALICE)
    const hanging = await WebhookReceiver.start()
    hanging.answer = () => 'hang'
    try {
      for (let n = 0; n < 300; n++) {
        const appid = `app_${String(n).padStart(24, 'x')}` as typeof APP
        await world.grant(ALICE, { appid, uid: `UID${String(n).padStart(22, 'x')}` })
        await world.app(hanging.url, appid)
      }
      await until(() => hanging.calls.length >= 128)
      await clock.passing(1_000)
      await world.app(receiver.url)
      await called(1)
      assert.deepEqual(told(), ['alice unknown'])
    } finally {
      await world.close()
      await hanging.stop()
      world = await WebhookWorld.open(directory(), clock)
    }
  })
})
