import assert from 'node:assert/strict'
import type { RosterPushStore } from '../../src/roster/roster-push-store.js'
import { SqliteRosterPushStore } from '../../src/storage/sqlite-roster-push-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, LARGE_TEXT, sqliteHome, WritingProcess } from './contract.js'

rosterPushStoreContract(
  'SQLite',
  sqliteHome((database) => new SqliteRosterPushStore(database)),
)

const BOB = '"bob@h":{"name":"Bob","groups":{}}'
const UNSURE = '"bob@h":null'

function rosterPushStoreContract(name: string, home: Home<RosterPushStore>) {
  describe(`RosterPushStore on ${name}`, () => {
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

    it('has nothing for anybody at first', async () => {
      assert.equal(await opened.store.pushed(alice), '')
      assert.deepEqual(await opened.store.pushedUsers('', 10), [])
    })

    it('keeps what was saved last, also when opened again, and forgets whom nothing was said of', async () => {
      await opened.store.savePushed(alice, UNSURE)
      await opened.store.savePushed(alice, BOB)
      await opened.store.savePushed(jid('carol@h'), BOB)
      await opened.store.savePushed(jid('carol@h'), '')
      reopen()
      assert.equal(await opened.store.pushed(alice), BOB)
      assert.equal(await opened.store.pushed(jid('carol@h')), '')
      assert.deepEqual(await opened.store.pushedUsers('', 10), [alice])
    })

    it('names everybody in the order of their bytes, a page at a time', async () => {
      const users = ['a@h', 'a@i', 'b@h', 'z@h', 'é@h'].map(jid)
      for (const user of users.toReversed()) await opened.store.savePushed(user, BOB)
      assert.deepEqual(await opened.store.pushedUsers('', 2), users.slice(0, 2))
      assert.deepEqual(await opened.store.pushedUsers('a@i', 10), users.slice(2))
      assert.deepEqual(await opened.store.pushedUsers('é@h', 10), [])
    })

    it('rejects when the disk is full, keeps what was before, and works again when it is not', async () => {
      await opened.store.savePushed(alice, BOB)
      opened.fill()
      await assert.rejects(opened.store.savePushed(alice, LARGE_TEXT))
      assert.equal(await opened.store.pushed(alice), BOB)
      opened.empty()
      await opened.store.savePushed(alice, UNSURE)
      reopen()
      assert.equal(await opened.store.pushed(alice), UNSURE)
    })

    it('has everything that it acknowledged after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'pushes')
      await writer.said(50)
      const last = Number(await writer.kill())
      for (let n = 1; n <= last; n++) assert.equal(await opened.store.pushed(jid(`u${n}@example.org`)), BOB)
    })
  })
}
