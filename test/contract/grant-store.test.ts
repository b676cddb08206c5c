import assert from 'node:assert/strict'
import type { AppId } from '../../src/apps/app.js'
import type { Grant, GrantStore } from '../../src/apps/grant.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, sqliteHome, WritingProcess } from './contract.js'

grantStoreContract(
  'SQLite',
  sqliteHome((database) => new SqliteGrantStore(database)),
)

function grantStoreContract(name: string, home: Home<GrantStore>) {
  describe(`GrantStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    const chess = 'app_chess' as AppId
    const radio = 'app_radio' as AppId
    let opened: ReturnType<typeof home.open>
    beforeEach(() => {
      opened = home.open(directory())
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
    }
    const grant = (said: Partial<Grant>): Omit<Grant, 'changedIn'> => ({
      user: alice,
      appid: chess,
      uid: `UID-${said.user ?? alice}-${said.appid ?? chess}`,
      scope: ['status'],
      paused: false,
      grantedAt: 1,
      ...said,
    })

    it('is empty at first', async () => {
      assert.equal(await opened.store.find(alice, chess), null)
      assert.equal(await opened.store.byUid('UID'), null)
      assert.deepEqual(await opened.store.ofUser(alice), [])
      assert.deepEqual(await opened.store.ofApp(chess, '', 10), [])
      assert.equal(await opened.store.countOfApp(chess), 0)
    })

    it('gives each back as it was saved, also when opened again', async () => {
      const one = grant({ scope: ['status', 'details', 'address'], paused: true, grantedAt: 1_700_000_000_123 })
      const other = grant({ appid: radio })
      assert.deepEqual(await opened.store.save(one), { ...one, changedIn: 1 })
      await opened.store.save(other)
      reopen()
      assert.deepEqual(await opened.store.find(alice, chess), { ...one, changedIn: 1 })
      assert.deepEqual(await opened.store.byUid(one.uid), { ...one, changedIn: 1 })
      assert.deepEqual(await opened.store.ofUser(alice), [
        { ...other, changedIn: 2 },
        { ...one, changedIn: 1 },
      ])
    })

    it('has one of each user and app, the last', async () => {
      await opened.store.save(grant({}))
      await opened.store.save(grant({ uid: 'UID-new', paused: true }))
      assert.deepEqual(await opened.store.ofUser(alice), [{ ...grant({ uid: 'UID-new', paused: true }), changedIn: 2 }])
      assert.equal(await opened.store.byUid(grant({}).uid), null)
    })

    it('gives no uid to two', async () => {
      await opened.store.save(grant({ uid: 'UID-1' }))
      await assert.rejects(opened.store.save(grant({ uid: 'UID-1', user: jid('bob@h') })))
      assert.equal((await opened.store.byUid('UID-1'))?.user, alice)
    })

    it('lists those of an app by user, a page at a time', async () => {
      const users = ['a@h', 'b@h', 'c@h', 'd@h', 'e@h'].map(jid)
      for (const user of users) await opened.store.save(grant({ user }))
      await opened.store.save(grant({ appid: radio }))
      const page = async (after: Parameters<GrantStore['ofApp']>[1]) =>
        (await opened.store.ofApp(chess, after, 2)).map(({ user }) => user)
      assert.deepEqual(await page(''), ['a@h', 'b@h'])
      assert.deepEqual(await page(jid('b@h')), ['c@h', 'd@h'])
      assert.deepEqual(await page(jid('d@h')), ['e@h'])
      assert.deepEqual(await page(jid('e@h')), [])
      assert.equal(await opened.store.countOfApp(chess), 5)
    })

    it('says whether there was one to remove', async () => {
      await opened.store.save(grant({}))
      await opened.store.save(grant({ appid: radio }))
      assert.equal(await opened.store.remove(alice, chess), true)
      assert.equal(await opened.store.remove(alice, chess), false)
      reopen()
      assert.deepEqual(await opened.store.ofUser(alice), [{ ...grant({ appid: radio }), changedIn: 2 }])
    })

    it('rejects when the disk is full, keeps what it had, and works again when it is not', async () => {
      await opened.store.save(grant({}))
      opened.fill()
      const users = Array.from({ length: 500 }, (_, i) => jid(`${'x'.repeat(500)}${i}@h`))
      const results = await Promise.allSettled(users.map((user) => opened.store.save(grant({ user }))))
      assert(results.some(({ status }) => status === 'rejected'))
      const kept = results.filter(({ status }) => status === 'fulfilled').length
      assert.equal(await opened.store.countOfApp(chess), kept + 1)
      opened.empty()
      const saved = await opened.store.save(grant({ paused: true }))
      reopen()
      assert.deepEqual(await opened.store.find(alice, chess), saved)
    })

    it('has all that it acknowledged after kill -9, and nothing that was taken back', async () => {
      const writer = new WritingProcess(directory(), 'grants')
      await writer.said(50)
      const last = Number(await writer.kill())
      for (let n = 1; n <= last; n++) {
        const kept = await opened.store.byUid(`UID${n}`)
        assert.equal(kept?.user ?? null, n % 2 === 0 ? null : `u${n}@example.org`)
      }
    })
  })
}
