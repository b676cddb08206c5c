import assert from 'node:assert/strict'
import { GoodCopies } from '../../src/roster/good-copies.js'
import type { RosterCopies } from '../../src/roster/roster-copies.js'
import { SqliteRosterCopies } from '../../src/storage/sqlite-roster-copies.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, WritingProcess } from './contract.js'

const home = sqliteHome((database) => new SqliteRosterCopies(database))
rosterCopiesContract('SQLite', home)

const BOB = '"bob@h":{"name":"Bob","groups":{}}'
const alice = jid('alice@h')

function rosterCopiesContract(name: string, home: Home<RosterCopies>) {
  describe(`RosterCopies on ${name}`, () => {
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

    it('have none of anybody at first', async () => {
      assert.equal(await opened.store.copyOf(alice), null)
    })

    it('keep each user’s last one, an empty one too, also when opened again', async () => {
      await opened.store.saveCopy(alice, { contacts: BOB, fetchedAt: 1 })
      await opened.store.saveCopy(jid('bob@h'), { contacts: BOB, fetchedAt: 2 })
      await opened.store.saveCopy(alice, { contacts: '', fetchedAt: 1_772_000_000_000 })
      reopen()
      assert.deepEqual(await opened.store.copyOf(alice), { contacts: '', fetchedAt: 1_772_000_000_000 })
      assert.deepEqual(await opened.store.copyOf(jid('bob@h')), { contacts: BOB, fetchedAt: 2 })
      assert.equal(await opened.store.copyOf(jid('carol@h')), null)
    })

    it('reject when the disk is full, keep what was before, and work again when it is not', async () => {
      await opened.store.saveCopy(alice, { contacts: BOB, fetchedAt: 1 })
      opened.fill()
      const long = `"bob@h":{"name":"${'x'.repeat(1000)}","groups":{}}`
      const users = Array.from({ length: 500 }, (_, n) => jid(`u${n}@h`))
      const saves = users.map((user) => opened.store.saveCopy(user, { contacts: long, fetchedAt: 1 }))
      for (const { status } of await Promise.allSettled(saves)) assert.equal(status, 'rejected')
      assert.deepEqual(await opened.store.copyOf(alice), { contacts: BOB, fetchedAt: 1 })
      opened.empty()
      await opened.store.saveCopy(alice, { contacts: long, fetchedAt: 2 })
      reopen()
      assert.deepEqual(await opened.store.copyOf(alice), { contacts: long, fetchedAt: 2 })
    })

    it('have everything that they acknowledged after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'roster-copies')
      await writer.said(50)
      const last = Number(await writer.kill())
      for (let n = 1; n <= last; n++) {
        assert.deepEqual(await opened.store.copyOf(jid(`u${n}@example.org`)), { contacts: BOB, fetchedAt: n })
      }
    })
  })
}

describe('GoodCopies', () => {
  const directory = temporaryDirectory()
  let opened: ReturnType<typeof home.open>
  let copies: GoodCopies
  beforeEach(() => {
    opened = home.open(directory())
    copies = new GoodCopies(opened.store)
  })
  afterEach(() => opened.close())

  it('store what is new, and what is a minute old', async () => {
    await copies.keep(alice, { contacts: BOB, fetchedAt: 100_000 })
    await copies.keep(alice, { contacts: BOB, fetchedAt: 159_999 })
    assert.equal((await opened.store.copyOf(alice))?.fetchedAt, 100_000)
    await copies.keep(alice, { contacts: '', fetchedAt: 159_999 })
    assert.equal((await opened.store.copyOf(alice))?.contacts, '')
    await copies.keep(alice, { contacts: '', fetchedAt: 219_999 })
    assert.equal((await opened.store.copyOf(alice))?.fetchedAt, 219_999)
  })

  it('are kept in memory where they cannot be stored, 16 Mi characters of them', async () => {
    await copies.keep(alice, { contacts: BOB, fetchedAt: 1 })
    opened.fill()
    const long = `"bob@h":{"name":"${LARGE_TEXT}","groups":{}}`
    await copies.keep(alice, { contacts: long, fetchedAt: 2 })
    assert.equal((await copies.of(alice))?.contacts, long)
    assert.equal((await opened.store.copyOf(alice))?.contacts, BOB)
    // As many as there is room for, without hers.
    const users = Array.from({ length: Math.floor((16 * 1024 * 1024) / long.length) }, (_, n) => jid(`u${n}@h`))
    await Promise.all(users.map((user) => copies.keep(user, { contacts: long, fetchedAt: 3 })))
    assert.equal((await copies.of(alice))?.contacts, BOB)
    assert.equal((await copies.of(jid('u0@h')))?.contacts, long)
    opened.empty()
    await copies.keep(jid('u0@h'), { contacts: long, fetchedAt: 4 })
    assert.equal((await opened.store.copyOf(jid('u0@h')))?.fetchedAt, 4)
  })

  it('are none where the storage cannot be read', async () => {
    opened.close()
    assert.equal(await copies.of(alice), null)
    await copies.keep(alice, { contacts: BOB, fetchedAt: 1 })
    assert.equal((await copies.of(alice))?.contacts, BOB)
    opened = home.open(directory())
  })
})
