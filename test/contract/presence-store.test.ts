import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { LoggedPresence, PresenceStore, StoredPresence } from '../../src/presence/presence-store.js'
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
    /** As a start reads it: of each user the last. */
    const all = async () => {
      const users = new Map<string, StoredPresence>()
      for (const { presence } of await opened.store.changes()) {
        if (presence.show === 'unknown') users.delete(presence.user)
        else users.set(presence.user, presence)
      }
      return users
    }
    const save = (...presences: StoredPresence[]) => opened.store.append(presences.map(logged), 1)
    const stored = async () => [...(await opened.store.changes())].map(({ presence }) => presence.text)

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
      await save(...presences)
      for (let i = 0; i < 2; i++) {
        assert.deepEqual(await all(), new Map(presences.map((stored) => [stored.user, stored])))
        reopen()
      }
    })

    it('keeps the newest of each user, and forgets who is gone', async () => {
      await save(someone('a@h'), someone('b@h'))
      await save(someone('a@h', { text: 'new' }), gone('b@h'), gone('never@h'))
      reopen()
      assert.deepEqual([...(await all()).values()], [someone('a@h', { text: 'new' })])
    })

    it('tells users apart that differ in case, accents or form only', async () => {
      const users = ['a@h', 'A@h', 'ä@h', 'a\u0308@h', 'a@h ']
      await save(...users.map((user) => someone(user)))
      assert.deepEqual(new Set((await all()).keys()), new Set(users))
    })

    it('saves all of a batch or none of it', async () => {
      await save(someone('a@h'), someone('b@h'))
      const impossible = someone('z@h', { priority: 1n as unknown as number })
      await assert.rejects(save(someone('a@h', { text: 'new' }), gone('b@h'), someone('c@h'), impossible))
      assert.deepEqual([...(await all()).values()], [someone('a@h'), someone('b@h')])
      assert.equal(await save(someone('c@h')), 2)
      assert.equal((await all()).size, 3)
    })

    it('rejects when the disk is full, has nothing half, and works again when it is not', async () => {
      await save(someone('a@h'))
      opened.fill()
      await assert.rejects(save(someone('b@h'), someone('c@h', { text: LARGE_TEXT }), gone('a@h')), {
        code: 'SQLITE_FULL',
      })
      assert.deepEqual([...(await all()).keys()], ['a@h'])
      opened.empty()
      await save(someone('b@h'))
      reopen()
      assert.deepEqual(new Set((await all()).keys()), new Set(['a@h', 'b@h']))
    })

    it('numbers batches one after another, also when opened again', async () => {
      assert.equal(await save(someone('a@h'), someone('b@h')), 1)
      assert.equal(await save(someone('a@h')), 2)
      reopen()
      assert.equal(await save(someone('b@h')), 3)
      await opened.store.fold(3, [], () => true)
      reopen()
      assert.equal(await save(someone('b@h')), 4)
    })

    describe('folding', () => {
      beforeEach(async () => {
        for (const text of ['a1', 'b2', 'a3', 'c4', 'a5']) await save(someone(`${text[0]}@h`, { text }))
      })

      it('keeps what is in no later batch, once, and what is newer as it is', async () => {
        await opened.store.fold(4, [2, 4], () => true)
        assert.deepEqual(await stored(), ['b2', 'c4', 'a5'])
        await opened.store.fold(5, [5], () => true)
        assert.deepEqual((await stored()).sort(), ['a5', 'b2', 'c4'])
      })

      it('keeps of a living batch nobody who is in a later one', async () => {
        await opened.store.fold(3, [1, 2, 3], (user) => user !== 'a@h')
        assert.deepEqual(await stored(), ['b2', 'c4', 'a5'])
      })

      it('has nothing left of a user who was forgotten', async () => {
        await opened.store.fold(5, [2, 4, 5], () => true)
        await opened.store.fold(await save(gone('b@h'), gone('never@h')), [6], () => true)
        assert.deepEqual((await stored()).sort(), ['a5', 'c4'])
      })

      it('gives back what was folded with every field of it', async () => {
        const full = someone('d@h', { show: 'dnd', shownSince: 3, idleSince: 2, resource: 'ä/b', priority: -7 })
        await opened.store.fold(await save(full), [6], () => true)
        reopen()
        assert.deepEqual((await all()).get('d@h'), full)
      })

      it('changes nothing when it fails half way', async () => {
        const failing = opened.store.fold(4, [2, 4], (_, batch) => {
          if (batch === 4) throw new Error('in the middle')
          return true
        })
        await assert.rejects(failing, /in the middle/)
        assert.deepEqual(await stored(), ['a1', 'b2', 'a3', 'c4', 'a5'])
      })

      it('loses nobody, whatever is appended and folded in between', () =>
        fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
            const home = await mkdtemp(join(directory(), 'fold-'))
            const { store, close } = sqliteHome((database) => new SqlitePresenceStore(database)).open(home)
            const expected = new Map<string, string>()
            const last = new Map<string, number>()
            let oldest = 1
            for (const [index, { users, foldUpTo }] of steps.entries()) {
              const said = users.map(({ user, there }) => (there ? someone(user, { text: `${index}` }) : gone(user)))
              const batch = await store.append(said.map(logged), 1)
              for (const { user, there } of users) {
                last.set(user, batch)
                if (there) expected.set(user, `${index}`)
                else expected.delete(user)
              }
              const upTo = Math.min(foldUpTo, batch)
              const living = [...new Set(last.values())].filter((number) => number >= oldest && number <= upTo)
              await store.fold(upTo, living, (user, number) => last.get(user) === number)
              oldest = Math.max(oldest, upTo + 1)
            }
            const found = new Map<string, string | null>()
            for (const { presence } of await store.changes()) {
              if (presence.show === 'unknown') found.delete(presence.user)
              else found.set(presence.user, presence.text)
            }
            close()
            assert.deepEqual(found, expected)
          }),
          { numRuns: 50 },
        ))
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

const step = fc.record({
  users: fc.uniqueArray(fc.record({ user: fc.constantFrom('a@h', 'b@h', 'c@h', 'd@h'), there: fc.boolean() }), {
    maxLength: 4,
    selector: ({ user }) => user,
  }),
  foldUpTo: fc.nat(30),
})

function logged(stored: StoredPresence): LoggedPresence {
  return { ...stored, was: 'unknown' }
}

function gone(user: string): StoredPresence {
  return someone(user, { show: 'unknown', text: null, shownSince: null, resource: null })
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
