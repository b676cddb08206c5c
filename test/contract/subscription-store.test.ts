import assert from 'node:assert/strict'
import { type Subscription, type SubscriptionStore, Subscriptions } from '../../src/presence/subscriptions.js'
import { SqliteSubscriptionStore } from '../../src/storage/sqlite-subscription-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, sqliteHome, WritingProcess } from './contract.js'

subscriptionStoreContract(
  'SQLite',
  sqliteHome((database) => new SqliteSubscriptionStore(database)),
)

const alice = jid('alice@h')

function subscriptionStoreContract(name: string, home: Home<SubscriptionStore>) {
  describe(`SubscriptionStore on ${name}`, () => {
    const directory = temporaryDirectory()
    let opened: ReturnType<typeof home.open>
    beforeEach(() => {
      opened = home.open(directory())
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
    }

    it('keeps each user’s last word, also when opened again', async () => {
      const said: [string, Subscription][] = [
        ['a@h', { consent: 'asked', by: 'subscription', watchesUs: false }],
        ['b@h', { consent: 'granted', by: 'roster', watchesUs: true }],
        ['c@h', { consent: 'refused', by: 'roster', watchesUs: true }],
        ['a@h', { consent: 'granted', by: 'subscription', watchesUs: false }],
      ]
      for (const [user, subscription] of said) await opened.store.saveSubscription(jid(user), subscription)
      reopen()
      assert.deepEqual(await opened.store.subscriptions(), new Map(said))
    })

    it('rejects when the disk is full, keeps what was before, and works again when it is not', async () => {
      await opened.store.saveSubscription(alice, { consent: 'granted', by: 'roster', watchesUs: true })
      opened.fill()
      const many = Array.from({ length: 500 }, (_, i) =>
        opened.store.saveSubscription(jid(`${'x'.repeat(500)}${i}@h`), {
          consent: 'asked',
          by: 'subscription',
          watchesUs: false,
        }),
      )
      const results = await Promise.allSettled(many)
      assert(results.some(({ status }) => status === 'rejected'))
      const kept = await opened.store.subscriptions()
      assert.equal(kept.size - 1, results.filter(({ status }) => status === 'fulfilled').length)
      opened.empty()
      await opened.store.saveSubscription(alice, { consent: 'refused', by: 'roster', watchesUs: true })
      reopen()
      assert.equal((await opened.store.subscriptions()).get(alice)?.consent, 'refused')
    })

    it('has everything that it acknowledged after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'subscriptions')
      await writer.said(50)
      const last = Number(await writer.kill())
      const subscriptions = await opened.store.subscriptions()
      for (let n = 1; n <= last; n++) {
        assert.deepEqual(subscriptions.get(jid(`u${n}@example.org`)), {
          consent: 'granted',
          by: 'roster',
          watchesUs: n % 2 === 0,
        })
      }
    })
  })
}

/** Each save ends when the test says so. */
class SlowStore implements SubscriptionStore {
  readonly saves: { user: string; consent: string; end(error?: Error): void }[] = []

  async subscriptions() {
    return new Map<typeof alice, Subscription>()
  }

  saveSubscription(user: string, { consent }: Subscription): Promise<void> {
    return new Promise((resolve, reject) => {
      this.saves.push({ user, consent, end: (error) => (error ? reject(error) : resolve()) })
    })
  }
}

describe('Subscriptions', () => {
  it('hold what a user says at once, stored or not', async () => {
    const store = new SlowStore()
    const subscriptions = await Subscriptions.load(store)
    const saving = subscriptions.set(alice, { consent: 'granted' })
    assert.equal(subscriptions.of(alice)?.consent, 'granted')
    store.saves[0]?.end(new Error('full'))
    await assert.rejects(saving, /full/)
    assert.equal(subscriptions.of(alice)?.consent, 'granted')
    const again = subscriptions.saveUnsaved()
    store.saves[1]?.end()
    await again
    assert.equal(store.saves.length, 2)
    await subscriptions.saveUnsaved()
    assert.equal(store.saves.length, 2)
  })

  it('do not store the same twice', async () => {
    const store = new SlowStore()
    const subscriptions = await Subscriptions.load(store)
    const saving = subscriptions.set(alice, { consent: 'granted', watchesUs: true })
    store.saves[0]?.end()
    await saving
    await subscriptions.set(alice, { consent: 'granted' })
    assert.equal(store.saves.length, 1)
  })

  it('remember that her last word is unsaved, though an earlier one is saved late', async () => {
    const store = new SlowStore()
    const subscriptions = await Subscriptions.load(store)
    const first = subscriptions.set(alice, { consent: 'granted' })
    const second = subscriptions.set(alice, { consent: 'refused' })
    store.saves[1]?.end(new Error('full'))
    await assert.rejects(second)
    store.saves[0]?.end()
    await first
    void subscriptions.saveUnsaved()
    assert.deepEqual(
      store.saves.map(({ consent }) => consent),
      ['granted', 'refused', 'refused'],
    )
  })
})
