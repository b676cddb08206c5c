import assert from 'node:assert/strict'
import { type PublicationStore, Publications } from '../../src/presence/publication.js'
import { SqlitePublicationStore } from '../../src/storage/sqlite-publication-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { type Home, sqliteHome, WritingProcess } from './contract.js'

publicationStoreContract(
  'SQLite',
  sqliteHome((database) => new SqlitePublicationStore(database)),
)

function publicationStoreContract(name: string, home: Home<PublicationStore>) {
  describe(`PublicationStore on ${name}`, () => {
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

    it('is empty at first', async () => assert.deepEqual(await opened.store.choices(), new Map()))

    it('keeps each user’s last choice, also when opened again', async () => {
      await opened.store.saveChoice(alice, 'details')
      await opened.store.saveChoice(jid('bob@h'), 'status')
      await opened.store.saveChoice(alice, 'none')
      reopen()
      const expected = new Map([
        ['alice@h', 'none'],
        ['bob@h', 'status'],
      ])
      assert.deepEqual(await opened.store.choices(), expected)
    })

    it('forgets whoever chooses what her domain does', async () => {
      await opened.store.saveChoice(alice, 'details')
      await opened.store.saveChoice(alice, 'domain')
      await opened.store.saveChoice(jid('never@h'), 'domain')
      reopen()
      assert.deepEqual(await opened.store.choices(), new Map())
    })

    it('rejects when the disk is full, keeps the choice before, and works again when it is not', async () => {
      await opened.store.saveChoice(alice, 'none')
      opened.fill()
      const many = Array.from({ length: 500 }, (_, i) =>
        opened.store.saveChoice(jid(`${'x'.repeat(500)}${i}@h`), 'details'),
      )
      const results = await Promise.allSettled(many)
      assert(results.some(({ status }) => status === 'rejected'))
      const kept = await opened.store.choices()
      assert.equal(kept.size - 1, results.filter(({ status }) => status === 'fulfilled').length)
      assert.equal(kept.get(alice), 'none')
      opened.empty()
      await opened.store.saveChoice(alice, 'details')
      reopen()
      assert.equal((await opened.store.choices()).get(alice), 'details')
    })

    it('has every choice that it acknowledged after kill -9', async () => {
      const writer = new WritingProcess(directory(), 'choices')
      await writer.said(50)
      const last = Number(await writer.kill())
      const choices = await opened.store.choices()
      for (let n = 1; n <= last; n++) assert.equal(choices.get(jid(`u${n}@example.org`)), 'details')
    })
  })
}

describe('Publications', () => {
  const alice = jid('alice@open.example')
  const store = (fails = false): PublicationStore => ({
    choices: async () => new Map([[jid('bob@gone.example'), 'details']]),
    saveChoice: async () => {
      if (fails) throw new Error('disk full')
    },
  })
  const load = (fails = false) => Publications.load(new Map([['open.example', 'status']]), store(fails))

  it('are a user’s own, else her domain’s', async () => {
    const publications = await load()
    assert.equal(publications.of(alice, 'open.example'), 'status')
    for (const choice of ['none', 'details', 'status'] as const) {
      await publications.choose(alice, choice)
      assert.equal(publications.of(alice, 'open.example'), choice)
    }
    await publications.choose(alice, 'domain')
    assert.equal(publications.of(alice, 'open.example'), 'status')
  })

  it('are none for a domain that is not served, whatever was chosen when it was', async () => {
    assert.equal((await load()).of(jid('bob@gone.example'), 'gone.example'), 'none')
  })

  it('do not change where the change cannot be stored', async () => {
    const publications = await load(true)
    await assert.rejects(publications.choose(alice, 'details'), /disk full/)
    assert.equal(publications.of(alice, 'open.example'), 'status')
  })
})
