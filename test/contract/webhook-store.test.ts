import assert from 'node:assert/strict'
import type { AppId } from '../../src/apps/app.js'
import type { Delivery, Flight, WebhookState } from '../../src/delivery/webhook-state.js'
import type { WebhookStore } from '../../src/delivery/webhook-store.js'
import type { Database } from '../../src/storage/database.js'
import { SqliteAccountStore } from '../../src/storage/sqlite-account-store.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { SqliteWebhookStore } from '../../src/storage/sqlite-webhook-store.js'
import { anApp } from '../unit/an-app.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, tablesOf, WritingProcess } from './contract.js'
import { aDelivery, aFlight, aWebhookState } from './webhook-samples.js'

interface Stores {
  readonly webhooks: WebhookStore
  readonly apps: SqliteAppStore
  readonly grants: SqliteGrantStore
  readonly accounts: SqliteAccountStore
}

webhookStoreContract(
  'SQLite',
  sqliteHome((database: Database) => ({
    webhooks: new SqliteWebhookStore(database),
    apps: new SqliteAppStore(database),
    grants: new SqliteGrantStore(database),
    accounts: new SqliteAccountStore(database),
  })),
)

function webhookStoreContract(name: string, home: Home<Stores>) {
  describe(`WebhookStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    const chess = 'app_chess' as AppId
    const radio = 'app_radio' as AppId
    let opened: ReturnType<typeof home.open>
    let webhooks: WebhookStore
    const open = () => {
      opened = home.open(directory())
      webhooks = opened.store.webhooks
    }
    const reopen = () => {
      opened.close()
      open()
    }
    const add = (appid: AppId, said: Parameters<typeof anApp>[0] = {}) =>
      opened.store.apps.add(anApp({ appid, active: true, webhook: 'https://a.example/', ...said }))
    const inFlight = (flight: Partial<Flight> = {}): WebhookState => aWebhookState({ flights: [aFlight(flight)] })
    beforeEach(open)
    afterEach(() => opened.close())

    it('has nothing at first', async () => {
      assert.equal(await webhooks.find(chess), null)
      assert.deepEqual(await webhooks.wanted(), [])
      assert.deepEqual(await webhooks.deliveries(chess), [])
    })

    it('gives back what was saved last, byte for byte, also when opened again', async () => {
      await add(chess)
      const state = aWebhookState({
        progress: { position: 2 ** 50, round: { to: 7, through: 'UIDx', again: true } },
        flights: [
          aFlight({ body: `{"data":["é\u0000😀${LARGE_TEXT}"]}` }),
          aFlight({ body: '{}' }),
          aFlight({ body: LARGE_TEXT, updates: 3 }),
        ],
        failingSince: 1_700_000_000_123,
        failures: 3,
        off: { because: 'failing', at: 5, isTold: false },
      })
      await webhooks.save([{ appid: chess, state: aWebhookState() }])
      await webhooks.save([{ appid: chess, state }])
      reopen()
      assert.deepEqual(await webhooks.find(chess), state)
      await webhooks.save([{ appid: chess, state: aWebhookState() }])
      assert.deepEqual(await webhooks.find(chess), aWebhookState())
    })

    it('wants those that are active and have a webhook, and those whose members were not told yet', async () => {
      await add(chess)
      await add(radio, { active: false })
      await add('app_none' as AppId, { webhook: null })
      assert.deepEqual(await webhooks.wanted(), [chess])
      const off = { because: 'gone', at: 1 } as const
      await webhooks.save([{ appid: radio, state: aWebhookState({ off: { ...off, isTold: false } }) }])
      assert.deepEqual([...(await webhooks.wanted())].sort(), [chess, radio])
      await webhooks.save([{ appid: radio, state: aWebhookState({ off: { ...off, isTold: true } }) }])
      assert.deepEqual(await webhooks.wanted(), [chess])
    })

    it('remembers the last 50 tries of each app, the newest first', async () => {
      await add(chess)
      await add(radio)
      const tried: Delivery[] = []
      for (let tries = 1; tries <= 120; tries++) {
        const delivery = aDelivery({
          at: tries,
          ...(tries % 2 && { status: null, error: 'it refuses the connection' }),
        })
        tried.unshift(delivery)
        await webhooks.save([{ appid: chess, state: aWebhookState({ tries }), deliveries: [delivery] }])
      }
      await webhooks.save([{ appid: radio, state: aWebhookState({ tries: 1 }), deliveries: [aDelivery()] }])
      reopen()
      assert.deepEqual(await webhooks.deliveries(chess), tried.slice(0, 50))
      assert.deepEqual(await webhooks.deliveries(radio), [aDelivery()])
    })

    it('keeps nothing of an app that is gone, and takes nothing of it', async () => {
      await add(chess)
      const change = { appid: chess, state: inFlight({}), deliveries: [aDelivery()] }
      await webhooks.save([change])
      await opened.store.apps.remove(chess)
      await webhooks.save([change])
      const { webhook, webhook_delivery } = tablesOf(directory())
      assert.deepEqual([webhook, webhook_delivery], [[], []])
    })

    it('forgets one that is removed', async () => {
      await add(chess)
      await webhooks.save([{ appid: chess, state: inFlight({}), deliveries: [aDelivery()] }])
      await webhooks.remove(chess)
      assert.equal(await webhooks.find(chess), null)
      assert.deepEqual(await webhooks.deliveries(chess), [])
    })

    for (const [what, change] of [
      ['takes back', () => opened.store.grants.remove(alice, chess)],
      ['pauses', () => opened.store.grants.save({ ...GRANT, user: alice, appid: chess, paused: true })],
      ['deletes with her account', () => opened.store.accounts.remove(alice, 'hash')],
    ] as const) {
      it(`has nothing in flight any more of who ${what} her grant`, async () => {
        await add(chess, { members: [jid('dev@h')] })
        await add(radio, { members: [jid('dev@h')] })
        await opened.store.grants.save({ ...GRANT, user: alice, appid: chess })
        const hers = inFlight({ body: `[["${GRANT.uid}","away",{"jid":"alice@h"}]]` })
        const others = inFlight({ body: '[["UIDother","away"]]' })
        await webhooks.save([
          { appid: chess, state: hers },
          { appid: radio, state: others },
        ])
        await change()
        assert.deepEqual(await webhooks.find(chess), { ...hers, flights: [] })
        assert.deepEqual(await webhooks.find(radio), others)
        assert(!JSON.stringify(tablesOf(directory()).webhook).includes('alice@h'))
      })
    }

    it('keeps of what is in flight what comes before the first that names her, and its tries', async () => {
      await add(chess)
      await opened.store.grants.save({ ...GRANT, user: alice, appid: chess })
      const flights = ['UIDa', 'UIDb', GRANT.uid, 'UIDc', GRANT.uid].map((uid, n) =>
        aFlight({ id: `msg_${n}`, body: `[["${uid}","away"]]`, leadsTo: { position: n, round: null } }),
      )
      const deliveries = [1, 2, 3].map((at) => aDelivery({ at }))
      const state = aWebhookState({ flights, tries: 53 })
      await webhooks.save([{ appid: chess, state, deliveries }])
      await opened.store.grants.remove(alice, chess)
      reopen()
      assert.deepEqual(await webhooks.find(chess), { ...state, flights: flights.slice(0, 2) })
      assert.deepEqual(await webhooks.deliveries(chess), deliveries.reverse())
      await webhooks.save([
        { appid: chess, state: { ...state, tries: 55 }, deliveries: [4, 5].map((at) => aDelivery({ at })) },
      ])
      assert.deepEqual(
        (await webhooks.deliveries(chess)).map(({ at }) => at),
        [5, 4, 3, 2, 1],
      )
    })

    it('rejects when the disk is full, keeps what it had, and works again when it is not', async () => {
      await add(chess)
      await add(radio)
      const before = inFlight({ body: 'before' })
      await webhooks.save([{ appid: chess, state: before }])
      opened.fill()
      const large = inFlight({ body: LARGE_TEXT })
      const changes = [
        { appid: chess, state: inFlight({ body: 'small' }) },
        { appid: radio, state: large },
      ]
      await assert.rejects(webhooks.save(changes))
      assert.deepEqual([await webhooks.find(chess), await webhooks.find(radio)], [before, null])
      opened.empty()
      await webhooks.save(changes)
      reopen()
      assert.deepEqual(await webhooks.find(radio), large)
    })

    it('has all that it acknowledged after kill -9, and no half of a call', async () => {
      for (let round = 1; round <= 3; round++) {
        const writer = new WritingProcess(directory(), 'webhooks', round * 1_000_000)
        await writer.said(50)
        const last = Number(await writer.kill())
        reopen()
        const [one, two] = await Promise.all([webhooks.find(chess), webhooks.find(radio)])
        assert.equal(one?.tries, two?.tries)
        assert.deepEqual(one?.flights, two?.flights)
        assert((one?.tries ?? 0) >= last, `${one?.tries} instead of ${last}`)
        assert.equal((await webhooks.deliveries(chess))[0]?.at, one?.tries)
      }
    })
  })
}

const GRANT = { uid: 'UIDalice', scope: ['status'], paused: false, grantedAt: 1 } as const
