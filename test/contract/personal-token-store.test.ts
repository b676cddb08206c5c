import assert from 'node:assert/strict'
import type { PersonalToken, PersonalTokenStore } from '../../src/accounts/personal-token.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, WritingProcess } from './contract.js'

personalTokenStoreContract(
  'SQLite',
  sqliteHome((database) => new SqlitePersonalTokenStore(database)),
)

function personalTokenStoreContract(name: string, home: Home<PersonalTokenStore>) {
  describe(`PersonalTokenStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    const bob = jid('bob@h')
    const token = (id: string, said: Partial<PersonalToken> = {}): PersonalToken => ({
      id,
      user: alice,
      name: 'backup script',
      createdAt: 1000,
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
      assert.equal(await opened.store.find('hash'), null)
      assert.deepEqual(await ids(), [])
    })

    it('finds each by its hash, and lists a user’s, the newest first, also when opened again', async () => {
      await opened.store.save(token('tok_1', { createdAt: 1 }), 'h1')
      await opened.store.save(token('tok_2', { createdAt: 2 }), 'h2')
      await opened.store.save(token('tok_b', { user: bob }), 'hb')
      reopen()
      assert.deepEqual(await opened.store.find('h1'), token('tok_1', { createdAt: 1 }))
      assert.equal((await opened.store.find('hb'))?.user, bob)
      assert.equal(await opened.store.find('tok_1'), null)
      assert.deepEqual(await ids(), ['tok_2', 'tok_1'])
    })

    it('removes a user’s own, and nobody else’s', async () => {
      await opened.store.save(token('tok_1'), 'h1')
      assert.equal(await opened.store.remove(bob, 'tok_1'), false)
      assert.equal(await opened.store.remove(alice, 'tok_1'), true)
      assert.equal(await opened.store.remove(alice, 'tok_1'), false)
      reopen()
      assert.equal(await opened.store.find('h1'), null)
    })

    it('rejects when the disk is full, and works again when it is not', async () => {
      await opened.store.save(token('tok_1'), 'h1')
      opened.fill()
      await assert.rejects(opened.store.save(token('tok_2', { name: LARGE_TEXT }), 'h2'))
      assert.deepEqual(await ids(), ['tok_1'])
      opened.empty()
      await opened.store.save(token('tok_2'), 'h2')
      reopen()
      assert.deepEqual((await ids()).sort(), ['tok_1', 'tok_2'])
    })

    it('has what it acknowledged after kill -9, and nothing that was removed', async () => {
      const writer = new WritingProcess(directory(), 'tokens')
      await writer.said(50)
      const last = Number(await writer.kill())
      for (let n = 1; n < last; n++) assert.equal(await opened.store.find(`h${n}`), null)
      // The next may have been made, and so this one removed, before that was said.
      const found = [await opened.store.find(`h${last}`), await opened.store.find(`h${last + 1}`)]
      assert.ok(found.some(Boolean))
    })
  })
}
