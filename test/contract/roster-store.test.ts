import assert from 'node:assert/strict'
import type { BareJid } from '../../src/presence/jid.js'
import type { RosterStore } from '../../src/roster/roster-store.js'
import { SqliteRosterStore } from '../../src/storage/sqlite-roster-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, sqliteHome, WritingProcess } from './contract.js'

rosterStoreContract(
  'SQLite',
  sqliteHome((database) => new SqliteRosterStore(database)),
)

const BOB = '"bob@h":{"name":"Bob","groups":{}}'

function rosterStoreContract(name: string, home: Home<RosterStore>) {
  describe(`RosterStore on ${name}`, () => {
    const directory = temporaryDirectory()
    const alice = jid('alice@h')
    let opened: ReturnType<typeof home.open>
    beforeEach(() => {
      opened = home.open(directory())
    })
    afterEach(() => opened.close())

    const reopen = () => {
      opened.close()
      opened = home.open(directory())
    }
    const save = (...rosters: [BareJid, string][]) => opened.store.save(new Map(rosters))

    it('has nothing for anybody at first', async () => {
      assert.equal(await opened.store.printed(alice), '')
      assert.deepEqual(await opened.store.users('h', '', 10), [])
    })

    it('keeps what was saved last, also when opened again', async () => {
      await save([alice, BOB], [jid('bob@h'), '"a@h":{}'])
      await save([alice, '"carol@h":{}'])
      reopen()
      assert.equal(await opened.store.printed(alice), '"carol@h":{}')
      assert.equal(await opened.store.printed(jid('bob@h')), '"a@h":{}')
      assert.equal(await opened.store.printed(jid('alice@other')), '')
    })

    it('forgets whose roster is empty', async () => {
      await save([alice, BOB])
      await save([alice, ''])
      assert.deepEqual(await opened.store.users('h', '', 10), [])
    })

    it('names a domain’s users in the order of their bytes, a page at a time', async () => {
      const names = ['zoe', 'alice', 'Ωmega', 'a-b', 'a', 'émile', 'b']
      await save(...names.map((local): [BareJid, string] => [`${local}@h` as BareJid, BOB]), [jid('eve@i'), BOB])
      const paged: string[] = []
      for (let after = ''; ; ) {
        const users = await opened.store.users('h', after, 2)
        if (users.length === 0) break
        paged.push(...users.map((user) => user.slice(0, -2)))
        after = paged.at(-1) ?? ''
      }
      assert.deepEqual(paged, ['a', 'a-b', 'alice', 'b', 'zoe', 'émile', 'Ωmega'])
    })

    it('saves all or none of them when the disk is full, and works again when it is not', async () => {
      await save([alice, BOB])
      opened.fill()
      const long = `"bob@h":{"name":"${'x'.repeat(1000)}","groups":{}}`
      const many = Array.from({ length: 2000 }, (_, n): [BareJid, string] => [`u${n}@h` as BareJid, long])
      await assert.rejects(save([alice, long], ...many))
      assert.equal(await opened.store.printed(alice), BOB)
      assert.deepEqual(await opened.store.users('h', 'alice', 10), [])
      opened.empty()
      await save([alice, long])
      reopen()
      assert.equal(await opened.store.printed(alice), long)
    })

    it('has every roster that it acknowledged after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'rosters')
      await writer.said(50)
      const last = Number(await writer.kill())
      for (let n = 1; n <= last; n++) assert.equal(await opened.store.printed(jid(`u${n}@example.org`)), BOB)
    })
  })
}
