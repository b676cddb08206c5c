import assert from 'node:assert/strict'
import { Forgotten, type ForgottenStore } from '../../src/accounts/forgotten.js'
import { PublicLinks } from '../../src/accounts/public-links.js'
import { Accounts } from '../../src/apps/accounts.js'
import { Domains } from '../../src/presence/domains.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { Publications } from '../../src/presence/publication.js'
import { FakeClock } from './fake-clock.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')

describe('Accounts', () => {
  /** What the store was asked, each waiting for its outcome. */
  let asked: { readonly what: string; end(error?: Error): void }[]
  let forgotten: Forgotten
  let accounts: Accounts

  beforeEach(async () => {
    asked = []
    const wait = (what: string) =>
      new Promise<void>((resolve, reject) => {
        asked.push({ what, end: (error) => (error ? reject(error) : resolve()) })
      })
    const store: ForgottenStore = { all: async () => [], remove: () => wait('come back') }
    forgotten = await Forgotten.load(store, Buffer.alloc(32))
    accounts = new Accounts({
      store: { remove: () => wait('go').then(() => ({ grants: [], apps: [] })) },
      forgotten,
      links: await PublicLinks.load(
        { all: async () => [], save: async () => {}, remove: async () => {} },
        Buffer.alloc,
      ),
      publications: await Publications.load(new Map(), { choices: async () => new Map(), saveChoice: async () => {} }),
      board: new PresenceBoard(new FakeClock(), { resources: 10, staleAfterMs: 1000 }, null, (user) =>
        forgotten.has(user),
      ),
      domains: new Domains(['h']),
      grants: { gone: () => {} },
      apps: { gone: () => {} },
      sources: { mayExpect: () => false, forget: () => {}, lookUp: () => {} },
    })
  })

  const settled = () => new Promise((resolve) => setImmediate(resolve))
  const full = new Error('the disk is full')

  it('stay deleted when they are deleted twice at once, and one of the two cannot be stored', async () => {
    for (const outcomes of [
      [full, undefined],
      [undefined, full],
    ]) {
      asked = []
      const deleting = [accounts.delete(ALICE), accounts.delete(ALICE)]
      const results = Promise.allSettled(deleting)
      for (const [n, outcome] of outcomes.entries()) {
        await settled()
        asked[n]?.end(outcome)
      }
      await results
      assert.deepEqual(
        asked.map(({ what }) => what),
        ['go', 'go'],
      )
      assert(forgotten.has(ALICE), String(outcomes))
    }
  })

  it('stay deleted when they are deleted while a sign-in is under way', async () => {
    const gone = accounts.delete(ALICE)
    await settled()
    asked[0]?.end()
    await gone
    const back = accounts.signedIn(ALICE)
    const goneAgain = accounts.delete(ALICE)
    await settled()
    asked.find(({ what }) => what === 'come back')?.end()
    await back
    await settled()
    asked.at(-1)?.end()
    await goneAgain
    assert.deepEqual(
      asked.map(({ what }) => what),
      ['go', 'come back', 'go'],
    )
    assert(forgotten.has(ALICE))
  })

  it('are there again when nothing could be stored', async () => {
    const gone = accounts.delete(ALICE)
    await settled()
    asked[0]?.end(full)
    await assert.rejects(gone, full)
    assert(!forgotten.has(ALICE))
  })
})
