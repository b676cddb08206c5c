import assert from 'node:assert/strict'
import type { Session, SessionStore } from '../../src/accounts/session.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, WritingProcess } from './contract.js'

sessionStoreContract(
  'SQLite',
  sqliteHome((database) => new SqliteSessionStore(database)),
)

function sessionStoreContract(name: string, home: Home<SessionStore>) {
  describe(`SessionStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    const session = (id: string, said: Partial<Session> = {}): Session => ({
      id,
      user: alice,
      browser: 'Firefox on Linux',
      address: '2001:db8::1',
      createdAt: 1000,
      usedAt: 1000,
      ...said,
    })
    let opened: ReturnType<typeof home.open>
    beforeEach(() => {
      opened = home.open(directory())
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
    }
    const ids = async () => (await opened.store.ofUser(alice)).map(({ id }) => id)

    it('has none at first', async () => {
      assert.equal(await opened.store.find('one'), null)
      assert.deepEqual(await opened.store.ofUser(alice), [])
    })

    it('keeps all of them, the newest first, also when opened again', async () => {
      const all = [
        session('one', { createdAt: 1 }),
        session('two', { createdAt: 3 }),
        session('three', { createdAt: 2 }),
      ]
      for (const one of [...all, session('other', { user: jid('bob@h') })]) await opened.store.save(one)
      reopen()
      assert.deepEqual(await opened.store.find('one'), all[0])
      assert.deepEqual(await ids(), ['two', 'three', 'one'])
    })

    it('notes when it was used, and makes none of one that ended meanwhile', async () => {
      await opened.store.save(session('one'))
      await opened.store.save(session('ended'))
      await opened.store.remove('ended')
      for (const id of ['one', 'ended']) await opened.store.used(id, 2000)
      reopen()
      assert.deepEqual(await opened.store.ofUser(alice), [session('one', { usedAt: 2000 })])
    })

    it('ends one, all of a user, and those that were not used', async () => {
      const times = { one: 1000, two: 2000, three: 3000, four: 4000 }
      for (const [id, usedAt] of Object.entries(times)) await opened.store.save(session(id, { usedAt }))
      await opened.store.save(session('other', { user: jid('bob@h'), usedAt: 5000 }))
      await opened.store.remove('three')
      await opened.store.remove('never there')
      await opened.store.removeUnusedSince(1000)
      reopen()
      assert.deepEqual((await ids()).sort(), ['four', 'two'])
      await opened.store.removeOfUser(alice)
      reopen()
      assert.deepEqual(await ids(), [])
      assert.equal((await opened.store.find('other'))?.id, 'other')
    })

    it('rejects when the disk is full, and works again when it is not', async () => {
      await opened.store.save(session('one'))
      opened.fill()
      await assert.rejects(opened.store.save(session('two', { browser: LARGE_TEXT })))
      assert.deepEqual(await ids(), ['one'])
      opened.empty()
      await opened.store.save(session('two'))
      reopen()
      assert.deepEqual((await ids()).sort(), ['one', 'two'])
    })

    it('has what it acknowledged after kill -9, and nothing that had ended', async () => {
      const writer = new WritingProcess(directory(), 'sessions')
      await writer.said(50)
      const last = Number(await writer.kill())
      for (let n = 1; n < last; n++) assert.equal(await opened.store.find(`s${n}`), null)
      // The next may have begun, and so this one ended, before that was said.
      const found = [await opened.store.find(`s${last}`), await opened.store.find(`s${last + 1}`)]
      assert.ok(found.some(Boolean))
    })
  })
}
