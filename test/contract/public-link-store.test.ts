import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { hashOf } from '../../src/accounts/hash.js'
import { type PublicLinkStore, PublicLinks } from '../../src/accounts/public-links.js'
import { SqlitePublicLinkStore } from '../../src/storage/sqlite-public-link-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, sqliteHome, tablesOf, WritingProcess } from './contract.js'

publicLinkStoreContract(
  'SQLite',
  sqliteHome((database) => new SqlitePublicLinkStore(database)),
)

function publicLinkStoreContract(name: string, home: Home<PublicLinkStore>) {
  describe(`PublicLinkStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    const bob = jid('bob@h')
    let opened: ReturnType<typeof home.open>
    beforeEach(() => {
      opened = home.open(directory())
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
    }
    const all = async () => new Map(await opened.store.all())

    it('is empty at first', async () => assert.deepEqual(await all(), new Map()))

    it('has one of each user, the last, also when opened again', async () => {
      await opened.store.save(alice, 'one')
      await opened.store.save(bob, 'two')
      await opened.store.save(alice, 'three')
      reopen()
      assert.deepEqual(
        await all(),
        new Map([
          [alice, 'three'],
          [bob, 'two'],
        ]),
      )
    })

    it('has none that was removed', async () => {
      await opened.store.save(alice, 'one')
      await opened.store.remove(alice)
      await opened.store.remove(bob)
      reopen()
      assert.deepEqual(await all(), new Map())
    })

    it('rejects when the disk is full, keeps what it had, and works again when it is not', async () => {
      await opened.store.save(alice, 'one')
      opened.fill()
      await assert.rejects(opened.store.save(bob, 'x'.repeat(20_000)))
      assert.deepEqual(await all(), new Map([[alice, 'one']]))
      opened.empty()
      await opened.store.save(bob, 'two')
      reopen()
      assert.equal((await all()).get(bob), 'two')
    })

    it('has all that it acknowledged after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'links')
      await writer.said(50)
      const last = Number(await writer.kill())
      const links = await all()
      for (let n = 1; n <= last; n++) assert.equal(links.get(jid(`u${n}@example.org`)), `hash ${n}`)
    })

    it('keeps no link in clear, nor one that stopped', async () => {
      const links = await PublicLinks.load(opened.store, randomBytes)
      const first = await links.renew(alice)
      assert.equal(links.find(first), alice)
      const second = await links.renew(alice)
      assert.deepEqual([links.find(first), links.find(second), links.has(alice)], [null, alice, true])
      assert.match(second, /^[\w-]{22}$/)
      const kept = JSON.stringify(tablesOf(directory()))
      assert.deepEqual(
        [kept.includes(second), kept.includes(hashOf(first)), kept.includes(hashOf(second))],
        [false, false, true],
      )
      const later = await PublicLinks.load(opened.store, randomBytes)
      assert.equal(later.find(second), alice)
      await later.remove(alice)
      assert.deepEqual([later.find(second), later.has(alice)], [null, false])
      assert.deepEqual(await all(), new Map())
    })
  })
}
