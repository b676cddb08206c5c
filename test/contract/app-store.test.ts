import assert from 'node:assert/strict'
import type { App, AppId } from '../../src/apps/app.js'
import type { AppStore } from '../../src/apps/app-store.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { anApp } from '../unit/an-app.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, tablesOf, WritingProcess } from './contract.js'

appStoreContract(
  'SQLite',
  sqliteHome((database) => new SqliteAppStore(database)),
)

function appStoreContract(name: string, home: Home<AppStore>) {
  describe(`AppStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    const bob = jid('bob@h')
    const app = anApp({ members: [alice] })
    const other = anApp({ appid: 'app_other' as AppId, createdAt: app.createdAt + 1, members: [bob, alice] })
    const icon = { type: 'image/png', image: Buffer.from([1, 2, 3]) }
    let opened: ReturnType<typeof home.open>
    let store: AppStore
    beforeEach(() => {
      opened = home.open(directory())
      store = opened.store
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
      store = opened.store
    }

    it('has no app at first', async () => {
      assert.equal(await store.find(app.appid), null)
      assert.deepEqual(await store.ofMember(alice), [])
      assert.deepEqual(await store.keys(app.appid), { key: null, old: null, oldUntil: null })
      assert.equal(await store.icon(app.appid), null)
      assert.deepEqual(await store.webhookGeneration(app.appid), { generation: 0, rotatedAt: null })
    })

    it('gives back each app as it was added, the oldest first', async () => {
      await store.add(other)
      await store.add(app)
      reopen()
      assert.deepEqual(await store.find(app.appid), app)
      assert.deepEqual(await store.ofMember(alice), [app, { ...other, members: [alice, bob] }])
      assert.deepEqual(
        (await store.ofMember(bob)).map(({ appid }) => appid),
        [other.appid],
      )
    })

    it('adds no app over another', async () => {
      await store.add(app)
      await assert.rejects(store.add({ ...app, name: 'Mallory' }))
      assert.deepEqual(await store.find(app.appid), app)
    })

    it('saves everything but keys, members and the icon', async () => {
      await store.add(app)
      await store.add(other)
      await store.saveKeys(app.appid, { key: 'k', old: null, oldUntil: null })
      const changed: App = {
        ...app,
        domain: 'new.example',
        name: 'New',
        description: 'Newer',
        scope: ['status', 'details', 'address'],
        hosts: ['a.new.example', 'b.new.example'],
        verifiedAt: 5,
        active: true,
        webhook: 'https://new.example/hook',
      }
      await store.save({ ...changed, members: [bob], hasIcon: true })
      reopen()
      assert.deepEqual(await store.find(app.appid), changed)
      assert.equal((await store.keys(app.appid)).key, 'k')
      assert.equal((await store.find(other.appid))?.name, other.name)
    })

    it('keeps keys, generation and icon', async () => {
      const keys = { key: 'new', old: 'old', oldUntil: 17 }
      await store.add(app)
      await store.saveKeys(app.appid, keys)
      await store.saveIcon(app.appid, icon)
      await store.saveWebhookGeneration(app.appid, 3, 44)
      reopen()
      assert.deepEqual(await store.keys(app.appid), keys)
      assert.deepEqual(await store.icon(app.appid), icon)
      assert.deepEqual(await store.webhookGeneration(app.appid), { generation: 3, rotatedAt: 44 })
      assert.equal((await store.find(app.appid))?.hasIcon, true)
      await store.saveIcon(app.appid, null)
      assert.equal(await store.icon(app.appid), null)
      assert.equal((await store.find(app.appid))?.hasIcon, false)
    })

    it('adds a member once, and takes away the one that is meant', async () => {
      await store.add(app)
      await store.add(other)
      await store.addMember(app.appid, bob)
      await store.addMember(app.appid, bob)
      assert.deepEqual((await store.find(app.appid))?.members, [alice, bob])
      await store.removeMember(app.appid, alice, bob)
      reopen()
      assert.deepEqual((await store.find(app.appid))?.members, [bob])
      assert.deepEqual((await store.find(other.appid))?.members, [alice, bob])
    })

    it('knows who registered an app, and who has it from her', async () => {
      await store.add(app)
      await store.add(other)
      await store.addMember(app.appid, bob)
      const counts = async () => [await store.countRegistered(alice), await store.countRegistered(bob)]
      const before = await counts()
      assert.deepEqual(
        [await store.isRegistrant(app.appid, alice), await store.isRegistrant(app.appid, bob)],
        [true, false],
      )
      await store.removeMember(app.appid, alice, bob)
      assert.deepEqual(await counts(), [(before[0] ?? 0) - 1, (before[1] ?? 0) + 1])
      reopen()
      assert.equal(await store.isRegistrant(app.appid, bob), true)
      await store.addMember(app.appid, alice)
      await store.removeMember(app.appid, alice, bob)
      assert.equal(await store.isRegistrant(app.appid, bob), true)
    })

    it('gives an app that is gone neither members nor an icon', async () => {
      const before = tablesOf(directory())
      await store.addMember(app.appid, bob)
      await store.saveIcon(app.appid, icon)
      assert.deepEqual(tablesOf(directory()), before)
    })

    it('leaves nothing of an app that is removed, and all of the others', async () => {
      await store.add(other)
      const before = tablesOf(directory())
      await store.add(app)
      await store.saveIcon(app.appid, icon)
      await store.addMember(app.appid, bob)
      await store.remove(app.appid)
      await store.remove(app.appid)
      assert.deepEqual(tablesOf(directory()), before)
    })

    it('rejects when the disk is full, changes nothing then, and works again when it is not', async () => {
      await store.add(app)
      await store.saveIcon(app.appid, icon)
      opened.fill()
      await assert.rejects(store.add({ ...other, description: LARGE_TEXT }))
      await assert.rejects(store.save({ ...app, description: LARGE_TEXT }))
      await assert.rejects(store.saveIcon(app.appid, { ...icon, image: Buffer.from(LARGE_TEXT) }))
      assert.deepEqual(await store.ofMember(alice), [{ ...app, hasIcon: true }])
      assert.deepEqual(await store.ofMember(bob), [])
      assert.deepEqual(await store.icon(app.appid), icon)
      opened.empty()
      await store.add({ ...other, description: LARGE_TEXT })
      reopen()
      assert.equal((await store.find(other.appid))?.description, LARGE_TEXT)
    })

    it('has every app that it acknowledged after kill -9, whole or not at all', async () => {
      const writer = new WritingProcess(directory(), 'apps')
      await writer.said(50)
      const last = Number(await writer.kill())
      const found = await store.ofMember(jid('dev@example.org'))
      // Of each three one stays, one is renamed, one is removed; of the last one not all need have happened.
      for (let n = 1; n <= last; n++) {
        const one = found.find(({ appid }) => appid === `app_${n}`)
        if (n % 3 === 0) assert.equal(one, undefined)
        else assert.equal(one?.name, n % 3 === 1 ? `App ${n}` : 'renamed')
        assert.equal((await store.keys(`app_${n}` as AppId)).key, n % 3 === 0 ? null : `key ${n}`)
        assert.equal((await store.icon(`app_${n}` as AppId)) === null, n % 3 === 0)
      }
      const { app: apps = [], app_member: members = [] } = tablesOf(directory())
      assert.equal(members.length, apps.length)
      assert(found.length <= last + 1)
    })
  })
}
