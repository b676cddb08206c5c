import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { AccountStore } from '../../src/apps/accounts.js'
import type { AppId } from '../../src/apps/app.js'
import type { AppStore } from '../../src/apps/app-store.js'
import type { Grant, GrantStore } from '../../src/apps/grant.js'
import type { ChangeLog, LogBatch } from '../../src/delivery/change-log.js'
import { type LoggedPresence, MOST_IN_BATCH, type PresenceStore } from '../../src/presence/presence-store.js'
import { SqliteAccountStore } from '../../src/storage/sqlite-account-store.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteChangeLog } from '../../src/storage/sqlite-change-log.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { anApp } from '../unit/an-app.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, WritingProcess } from './contract.js'

/** The log, with all that appends to it. */
interface Stores {
  readonly log: ChangeLog
  readonly presences: PresenceStore
  readonly grants: GrantStore
  readonly apps: AppStore
  readonly accounts: AccountStore
}

const NOW = 1_700_000_000_000
const ALL = 1_000_000
const ALICE = jid('alice\\20cooper@h')
const BOB = jid('bob@h')
const CHESS = 'app_chess' as AppId
const RADIO = 'app_radio' as AppId

changeLogContract(
  'SQLite',
  sqliteHome((database) => ({
    log: new SqliteChangeLog(database),
    presences: new SqlitePresenceStore(database),
    grants: new SqliteGrantStore(database, () => NOW),
    apps: new SqliteAppStore(database),
    accounts: new SqliteAccountStore(database, () => NOW),
  })),
)

function changeLogContract(name: string, home: Home<Stores>) {
  describe(`ChangeLog on ${name}`, () => {
    const directory = temporaryDirectory()
    let opened: ReturnType<typeof home.open>
    let stores: Stores
    beforeEach(() => {
      opened = home.open(directory())
      stores = opened.store
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
      stores = opened.store
    }
    const append = (...presences: LoggedPresence[]) => stores.presences.append(presences, NOW)
    const save = (said: Partial<Grant> = {}) => stores.grants.save(grant(said))
    const read = async (after = 0) => (await stores.log.after(after, ALL)) ?? assert.fail(`${after} is too old`)
    const numbers = (batches: readonly LogBatch[]) => batches.map(({ number }) => number)
    const entry = (said: Partial<Grant> = {}) => {
      const { appid, uid, user } = grant(said)
      return { appid, uid, user }
    }

    it('is empty at first', async () => {
      assert.equal(await stores.log.head(), 0)
      assert.deepEqual(await read(), [])
      assert.deepEqual(await stores.log.grantsAfter(CHESS, 0), [])
    })

    it('gives back every field of what was appended, in order, also when opened again', async () => {
      const presences = [
        someone(ALICE, { show: 'dnd', text: '😀 "q" \' \n e\u0301', shownSince: NOW, idleSince: 5, resource: 'ä/b@c' }),
        someone(BOB, { show: 'offline', text: null, shownSince: null, resource: null, was: 'xa', priority: -128 }),
        someone(jid('straße@xn--bcher-kva.example'), {
          show: 'unknown',
          was: 'unknown',
          idleSince: -8_000_000_000_000,
        }),
      ]
      assert.equal(await append(...presences), 1)
      await save()
      assert.equal(await append(someone(BOB)), 3)
      const expected = [
        { number: 1, at: NOW, presences, grants: [] },
        { number: 2, at: NOW, presences: [], grants: [entry()] },
        { number: 3, at: NOW, presences: [someone(BOB)], grants: [] },
      ]
      for (let i = 0; i < 2; i++) {
        assert.deepEqual(await read(), expected)
        assert.deepEqual(await read(2), expected.slice(2))
        assert.deepEqual(await read(3), [])
        assert.equal(await stores.log.head(), 3)
        reopen()
      }
    })

    it('takes as many in one batch as a batch may have', async () => {
      const most = Array.from({ length: MOST_IN_BATCH }, (_, i) => someone(jid(`u${i}@h`)))
      await append(...most)
      assert.deepEqual((await read())[0]?.presences, most)
    })

    it('numbers presences and grants one after another, whoever appends them, also when opened again', async () => {
      assert.equal(await append(someone(ALICE)), 1)
      assert.equal((await save()).changedIn, 2)
      reopen()
      assert.equal((await save({ user: BOB })).changedIn, 3)
      await stores.grants.remove(ALICE, CHESS)
      assert.equal(await append(someone(ALICE)), 5)
      await stores.accounts.remove(BOB, 'hash')
      assert.equal(await append(someone(ALICE)), 7)
      await stores.presences.fold(7, [7], () => true)
      await stores.presences.prune(7, NOW + 1)
      reopen()
      assert.equal(await stores.log.head(), 7)
      assert.equal(await append(someone(ALICE)), 8)
    })

    it('gives a page at a time, which ends where it has more than was asked for; one batch at least', async () => {
      for (let n = 1; n <= 6; n++) await append(someone(ALICE), someone(BOB))
      assert.deepEqual(numbers((await stores.log.after(0, 3)) ?? []), [1, 2])
      assert.deepEqual(numbers((await stores.log.after(2, 0)) ?? []), [3])
      assert.deepEqual(numbers((await stores.log.after(6, 0)) ?? []), [])
    })

    it('leads from page to page to its end, though there are many small ones', async () => {
      for (let n = 1; n <= 450; n++) await append(someone(ALICE, { text: `${n}` }))
      const found: number[] = []
      for (let page = await read(); page.length > 0; page = await read(found.at(-1))) found.push(...numbers(page))
      assert.deepEqual(
        found,
        Array.from({ length: 450 }, (_, i) => i + 1),
      )
    })

    it('has all of a batch or none of it', async () => {
      const impossible = someone(BOB, { priority: 1n as unknown as number })
      await assert.rejects(append(someone(ALICE), impossible))
      assert.deepEqual(await read(), [])
      await save({ uid: 'UID-taken' })
      await assert.rejects(save({ user: BOB, uid: 'UID-taken' }))
      assert.deepEqual(numbers(await read()), [1])
      assert.equal(await append(someone(ALICE)), 2)
    })

    it('has nothing, and grants are as they were, when the disk is full; it goes on when it is not', async () => {
      const saved = await save()
      opened.fill()
      await assert.rejects(append(someone(ALICE, { text: LARGE_TEXT })))
      await assert.rejects(
        (async () => {
          for (let n = 0; n < 500; n++) await save({ paused: n % 2 === 0, uid: `UID-${'x'.repeat(500)}-${n}` })
        })(),
      )
      const found = await stores.grants.find(ALICE, CHESS)
      const batches = await read()
      assert.equal(found?.changedIn, batches.at(-1)?.number)
      assert.equal(found?.uid, batches.at(-1)?.grants[0]?.uid)
      assert.equal(batches[0]?.number, saved.changedIn)
      const head = await stores.log.head()
      opened.empty()
      assert.equal(await append(someone(ALICE)), head + 1)
      reopen()
      assert.deepEqual(numbers(await read()), [...numbers(batches), head + 1])
    })

    it('has all that it acknowledged, no half of a batch and no gap after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'changes')
      await writer.said(300)
      const last = Number(await writer.kill())
      const head = await stores.log.head()
      assert(head >= last, `${head} instead of ${last}`)
      const kept = await stores.presences.kept()
      const first = kept[0]?.number ?? 0
      assert(first > 1, 'something was pruned')
      const found: LogBatch[] = []
      for (let after = first - 1; after < head; after = found.at(-1)?.number ?? 0) found.push(...(await read(after)))
      assert.deepEqual(
        numbers(found),
        Array.from({ length: head - first + 1 }, (_, i) => first + i),
      )
      for (const { number, presences, grants } of found) {
        assert.deepEqual([presences.length, grants.length], grants.length > 0 ? [0, 1] : [2, 0])
        for (const { uid, user } of grants) {
          const kept = await stores.grants.byUid(uid)
          if (user === null) assert.equal(kept, null)
          else if (number < head) assert(kept === null || kept.changedIn === number)
        }
      }
    })

    describe('of grants', () => {
      it('tells what became of each, in the order in which it did', async () => {
        await save()
        await save({ paused: true })
        await save({ appid: RADIO })
        await save({ scope: ['status', 'details'] })
        await stores.grants.remove(ALICE, CHESS)
        assert.equal(await stores.grants.remove(ALICE, CHESS), false)
        const { uid } = entry()
        const batches = await read()
        assert.deepEqual(
          batches.map(({ grants }) => grants),
          [[entry()], [entry()], [entry({ appid: RADIO })], [entry()], [{ appid: CHESS, uid, user: null }]],
        )
        assert(batches.every(({ presences }) => presences.length === 0))
      })

      it('has a grant as it is now in the batch that it names', async () => {
        for (const paused of [false, true, false]) {
          const { changedIn } = await save({ paused })
          assert.equal((await stores.grants.find(ALICE, CHESS))?.changedIn, changedIn)
          assert.equal(await stores.log.head(), changedIn)
        }
      })

      it('gives an app its own', async () => {
        await save()
        await append(someone(ALICE))
        await save({ appid: RADIO })
        await stores.grants.remove(ALICE, CHESS)
        const gone = { ...entry(), user: null }
        assert.deepEqual(await stores.log.grantsAfter(CHESS, 0), [
          { ...entry(), number: 1 },
          { ...gone, number: 4 },
        ])
        assert.deepEqual(await stores.log.grantsAfter(CHESS, 1), [{ ...gone, number: 4 }])
        assert.deepEqual(await stores.log.grantsAfter(RADIO, 3), [])
        assert.deepEqual(await stores.log.grantsAfter('app_ches' as AppId, 0), [])
      })

      it('says nothing of an app that is removed', async () => {
        await stores.apps.add(anApp({ appid: CHESS, members: [BOB] }))
        await save()
        await stores.apps.remove(CHESS)
        assert.equal(await stores.log.head(), 1)
      })
    })

    describe('folded', () => {
      it('reads the same', async () => {
        for (let n = 1; n <= 5; n++) await append(someone(ALICE, { text: `${n}` }), someone(BOB))
        const before = await read()
        await stores.presences.fold(4, [2, 4], () => true)
        assert.deepEqual(await read(), before)
        await stores.presences.fold(5, [5], () => true)
        reopen()
        assert.deepEqual(await read(), before)
        assert.deepEqual(numbers(await read(3)), [4, 5])
      })
    })

    describe('pruned', () => {
      beforeEach(async () => {
        for (let n = 1; n <= 6; n++) {
          if (n === 3) await save()
          else await append(someone(ALICE, { text: `${n}` }))
        }
      })

      for (const order of ['fold and prune', 'prune and fold']) {
        it(`has nothing up to there, and all that comes after (${order})`, async () => {
          const fold = () => stores.presences.fold(6, [6], () => true)
          if (order === 'fold and prune') await fold()
          await stores.presences.prune(4, 0)
          if (order === 'prune and fold') await fold()
          for (let i = 0; i < 2; i++) {
            for (const tooOld of [0, 1, 3]) assert.equal(await stores.log.after(tooOld, ALL), null)
            assert.deepEqual(numbers(await read(4)), [5, 6])
            assert.equal(await stores.log.head(), 6)
            assert.deepEqual(await stores.presences.kept(), [
              { number: 5, at: NOW, size: 1 },
              { number: 6, at: NOW, size: 1 },
            ])
            await stores.presences.prune(0, 0)
            reopen()
          }
        })
      }

      it('has forgotten nobody who was not folded yet', async () => {
        await stores.presences.prune(6, 0)
        await stores.presences.prune(0, 0)
        assert.deepEqual(await read(6), [])
        const stored = [...(await stores.presences.changes())].map(({ presence }) => presence.text)
        assert.deepEqual(stored, ['1', '2', '4', '5', '6'])
        await stores.presences.fold(6, [6], () => true)
        await stores.presences.prune(0, 0)
        const folded = [...(await stores.presences.changes())].map(({ batch, presence }) => [batch, presence.text])
        assert.deepEqual(folded, [[0, '6']])
      })

      it('still tells what became of grants, until that is too old, too', async () => {
        await stores.presences.fold(6, [6], () => true)
        await stores.presences.prune(6, NOW)
        assert.deepEqual(await stores.log.grantsAfter(CHESS, 0), [{ ...entry(), number: 3 }])
        await stores.presences.prune(0, NOW + 1)
        assert.deepEqual(await stores.log.grantsAfter(CHESS, 0), [])
        assert.equal((await stores.grants.find(ALICE, CHESS))?.changedIn, 3)
      })

      it('never has less for having been pruned further before', async () => {
        await stores.presences.prune(5, 0)
        await stores.presences.prune(2, 0)
        assert.equal(await stores.log.after(4, ALL), null)
      })

      it('gives its room back little by little, and takes nothing that is kept', async () => {
        for (let n = 0; n < 5000; n++) await append(someone(ALICE, { text: `${n}` }))
        const head = await stores.log.head()
        await stores.presences.fold(head, [head], () => true)
        for (let i = 0; i < 4; i++) {
          await stores.presences.prune(head - 2, 0)
          assert.deepEqual(numbers(await read(head - 2)), [head - 1, head])
        }
        const stored = [...(await stores.presences.changes())].map(({ presence }) => presence.text)
        assert.deepEqual(stored, ['4999'])
      })
    })

    describe('after somebody deleted her account', () => {
      const bytes = () =>
        readdirSync(directory()).filter((name) => readFileSync(join(directory(), name)).includes('20cooper@h'))

      it('has null in her place, everybody else in theirs, and no grant that names her', async () => {
        const carol = someone(jid('carol@h'))
        await append(carol, someone(ALICE), someone(BOB))
        await save()
        await save({ user: BOB })
        await stores.grants.remove(ALICE, CHESS)
        await save({ uid: 'UID-again' })
        await append(someone(ALICE))
        await stores.presences.fold(1, [1], () => true)
        await stores.accounts.remove(ALICE, 'hash')
        const gone = { ...entry(), user: null }
        const again = { ...gone, uid: 'UID-again' }
        for (let i = 0; i < 2; i++) {
          const batches = await read()
          assert.deepEqual(
            batches.map(({ presences, grants }) => [presences, grants]),
            [
              [[carol, null, someone(BOB)], []],
              [[], [gone]],
              [[], [entry({ user: BOB })]],
              [[], [gone]],
              [[], [again]],
              [[null], []],
              [[], [again]],
            ],
          )
          assert.deepEqual(numbers(batches), [1, 2, 3, 4, 5, 6, 7])
          assert.deepEqual(bytes(), [])
          reopen()
        }
      })

      it('tells nothing of apps that went with her', async () => {
        await stores.apps.add(anApp({ appid: CHESS, members: [ALICE] }))
        await save()
        await save({ user: BOB })
        await stores.accounts.remove(ALICE, 'hash')
        assert.equal(await stores.log.head(), 2)
        assert.deepEqual(await stores.log.grantsAfter(CHESS, 0), [
          { ...entry(), user: null, number: 1 },
          { ...entry({ user: BOB }), number: 2 },
        ])
      })

      it('leaves whoever’s JID begins or ends like hers alone', async () => {
        const others = [jid(`x${ALICE}`), jid(`${ALICE}.example`)]
        for (const user of others) await save({ user })
        await append(...others.map((user) => someone(user)))
        const before = await read()
        await stores.accounts.remove(ALICE, 'hash')
        assert.deepEqual(await read(), before)
      })
    })

    it('reads the same for everybody at any time, whatever is folded and pruned in between', () =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const { store, close } = home.open(await mkdtemp(join(directory(), 'log-')))
          const expected: LogBatch[] = []
          let pruned = 0
          try {
            for (const [at, step] of steps.entries()) {
              if (step.do === 'append') {
                const presences = step.users.map((user) => someone(user, { text: `${at}` }))
                expected.push({ number: expected.length + 1, at, presences, grants: [] })
                assert.equal(await store.presences.append(presences, at), expected.length)
              } else if (step.do === 'grant') {
                const said = grant({ user: step.user, paused: at % 2 === 0 })
                const { changedIn } = await store.grants.save(said)
                const { appid, uid, user } = said
                expected.push({ number: changedIn, at: NOW, presences: [], grants: [{ appid, uid, user }] })
                assert.equal(changedIn, expected.length)
              } else if (step.do === 'fold') {
                await store.presences.fold(Math.min(step.upTo, expected.length), [], () => true)
              } else {
                pruned = Math.max(pruned, Math.min(step.upTo, expected.length))
                await store.presences.prune(pruned, 0)
              }
              for (let after = 0; after <= expected.length; after++) {
                const found = await store.log.after(after, ALL)
                assert.deepEqual(found, after < pruned ? null : expected.slice(after))
              }
            }
          } finally {
            close()
          }
        }),
        { numRuns: 50 },
      ))
  })
}

const users = fc.constantFrom(...['a@h', 'b@h', 'c@h'].map(jid))
const step = fc.oneof(
  fc.record({ do: fc.constant('append' as const), users: fc.uniqueArray(users, { maxLength: 3 }) }),
  fc.record({ do: fc.constant('grant' as const), user: users }),
  fc.record({ do: fc.constantFrom('fold' as const, 'prune' as const), upTo: fc.nat(30) }),
)

function grant(said: Partial<Grant>): Omit<Grant, 'changedIn'> {
  const { user = ALICE, appid = CHESS } = said
  const uid = `UID-${Buffer.from(user).toString('base64url')}-${appid}`
  return { user, appid, uid, scope: ['status'], paused: false, grantedAt: 1, ...said }
}

function someone(user: LoggedPresence['user'], said: Partial<LoggedPresence> = {}): LoggedPresence {
  const plain = { show: 'away', text: 'x', shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
  return { user, ...plain, was: 'offline', ...said }
}
