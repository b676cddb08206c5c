import assert from 'node:assert/strict'
import type { PresenceStore, StoredPresence } from '../../src/presence/presence-store.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, WritingProcess } from './contract.js'

presenceStoreContract(
  'SQLite',
  sqliteHome((database) => new SqlitePresenceStore(database)),
)

function presenceStoreContract(name: string, home: Home<PresenceStore>) {
  describe(`PresenceStore on ${name}`, () => {
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
    const all = async () => new Map([...(await opened.store.presences())].map((stored) => [stored.user, stored]))
    const save = (changed: StoredPresence[], gone: string[] = []) => opened.store.savePresences(changed, gone.map(jid))

    it('is empty at first', async () => assert.equal((await all()).size, 0))

    it('gives back what was saved, every field of it, also when opened again', async () => {
      const presences = [
        someone('a@h', {
          show: 'dnd',
          text: '😀 "q" \' \n e\u0301',
          shownSince: 1_700_000_000_123,
          idleSince: 5,
          resource: 'ä/b@c',
          priority: -128,
        }),
        someone('b@h', { show: 'offline', text: null, shownSince: null, resource: null }),
        someone('c@h', { show: 'online', text: '', resource: '', shownSince: 0, idleSince: 0, priority: 127 }),
        someone('straße@xn--bcher-kva.example', { idleSince: -8_000_000_000_000 }),
      ]
      await save(presences)
      for (let i = 0; i < 2; i++) {
        assert.deepEqual(await all(), new Map(presences.map((stored) => [stored.user, stored])))
        reopen()
      }
    })

    it('keeps the newest of each user, and forgets who is gone', async () => {
      await save([someone('a@h'), someone('b@h')])
      await save([someone('a@h', { text: 'new' })], ['b@h', 'never@h'])
      reopen()
      assert.deepEqual([...(await all()).values()], [someone('a@h', { text: 'new' })])
    })

    it('tells users apart that differ in case, accents or form only', async () => {
      const users = ['a@h', 'A@h', 'ä@h', 'a\u0308@h', 'a@h ']
      await save(users.map((user) => someone(user)))
      assert.deepEqual(new Set((await all()).keys()), new Set(users))
    })

    it('saves nothing when there is nothing', async () => {
      await save([])
      assert.equal((await all()).size, 0)
    })

    it('saves all of a batch or none of it', async () => {
      await save([someone('a@h'), someone('b@h')])
      const impossible = someone('z@h', { show: {} as 'away' })
      await assert.rejects(save([someone('a@h', { text: 'new' }), someone('c@h'), impossible], ['b@h']))
      assert.deepEqual([...(await all()).values()], [someone('a@h'), someone('b@h')])
      await save([someone('c@h')])
      assert.equal((await all()).size, 3)
    })

    it('rejects when the disk is full, has nothing half, and works again when it is not', async () => {
      await save([someone('a@h')])
      opened.fill()
      await assert.rejects(save([someone('b@h'), someone('c@h', { text: LARGE_TEXT })], ['a@h']), {
        code: 'SQLITE_FULL',
      })
      assert.deepEqual([...(await all()).keys()], ['a@h'])
      opened.empty()
      await save([someone('b@h')])
      reopen()
      assert.deepEqual(new Set((await all()).keys()), new Set(['a@h', 'b@h']))
    })

    it('has everything that it acknowledged, and no half batch, after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'presences')
      await writer.said(200)
      const last = Number(await writer.kill())
      const users = await all()
      for (let n = 1; n <= last; n++) assert.equal(users.get(jid(`u${n}@example.org`))?.shownSince, n)
      for (const user of users.keys()) {
        assert(users.has(jid(user.startsWith('u') ? user.replace(/^u/, 'twin') : user.replace(/^twin/, 'u'))))
      }
    })
  })
}

function someone(user: string, said: Partial<StoredPresence> = {}): StoredPresence {
  return {
    user: jid(user),
    show: 'away',
    text: 'x',
    shownSince: 1,
    idleSince: null,
    resource: 'r',
    priority: 0,
    ...said,
  }
}
