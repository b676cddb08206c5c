import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AppId } from '../../src/apps/app.js'
import type { LoggedPresence, StoredPresence } from '../../src/presence/presence-store.js'
import { backUp } from '../../src/storage/backup.js'
import type { Memory } from '../../src/storage/database-in-use.js'
import { restore } from '../../src/storage/restore.js'
import { Storage } from '../../src/storage/storage.js'
import { Child } from '../support/child.js'
import { until } from '../support/until.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { damage, sqliteOn } from './contract.js'

const ALL = 1_000_000
const WRITER = fileURLToPath(new URL('./writing-process.js', import.meta.url))

describe('The epoch of the log', () => {
  const parent = temporaryDirectory()
  const at = (name: string) => join(parent(), name)
  let data: string
  let storage: Storage
  let known: StoredPresence[]
  const memory: Memory = {
    waiting: () => false,
    contents: () => ({ presences: known, knownUntil: null, choices: [], subscriptions: [], links: [], forgotten: [] }),
  }
  beforeEach(() => {
    data = at('data')
    known = []
    storage = open('boot 1')
  })
  afterEach(() => storage.close())

  function open(boot: string | null, directory = data): Storage {
    return new Storage(directory, { failed: () => {}, recovered: () => {} }, { boot })
  }

  const epoch = () => storage.changes.epoch()
  const append = (user: string) => storage.presences.append([someone(user)], 1)
  /** As a kill or a power cut leaves it. */
  const stopUncleanly = async () => {
    const left = at('left')
    cpSync(data, left, { recursive: true })
    await storage.close()
    rmSync(data, { recursive: true })
    cpSync(left, data, { recursive: true })
    rmSync(left, { recursive: true })
  }
  const untilRecovered = () =>
    until(async () => {
      storage.check(memory)
      return storage.fault === null
    })

  it('is 16 hex digits, and another one for each database', async () => {
    const other = open('boot 1', at('other'))
    try {
      assert.match(await epoch(), /^[0-9a-f]{16}$/)
      assert.notEqual(await other.changes.epoch(), await epoch())
    } finally {
      await other.close()
    }
  })

  for (const [is, unclean, before, after] of [
    ['the same', false, 'boot 1', 'boot 1'],
    ['the same', false, 'boot 1', 'boot 2'],
    ['the same', false, null, null],
    ['the same', true, 'boot 1', 'boot 1'],
    ['another one', true, 'boot 1', 'boot 2'],
    ['another one', true, 'boot 1', null],
    ['another one', true, null, 'boot 1'],
    ['another one', true, null, null],
  ] as const) {
    const stop = unclean ? 'an unclean stop' : 'a clean stop'
    it(`is ${is} after ${stop} in ${before ?? 'an unknown boot'}, in ${after ?? 'an unknown boot'}`, async () => {
      await storage.close()
      storage = open(before)
      await append('a@h')
      const first = await epoch()
      await (unclean ? stopUncleanly() : storage.close())
      storage = open(after)
      assert.equal((await epoch()) === first, is === 'the same')
      assert.equal(await storage.changes.head(), 1)
      const second = await epoch()
      await storage.close()
      storage = open('boot 9')
      assert.equal(await epoch(), second)
    })
  }

  it('is another one after each power cut, not after the first alone', async () => {
    const epochs = new Set([await epoch()])
    for (const boot of ['boot 2', 'boot 3']) {
      await stopUncleanly()
      storage = open(boot)
      epochs.add(await epoch())
    }
    assert.equal(epochs.size, 3)
  })

  it('is another one after a restore, and no other for the backup', async () => {
    await append('a@h')
    const before = await epoch()
    backUp(data, at('backup'))
    assert.equal(await epoch(), before)
    await append('b@h')
    await storage.close()
    restore(at('backup'), data, at('kept'))
    storage = open('boot 1')
    assert.notEqual(await epoch(), before)
    assert.equal(await storage.changes.head(), 1)
  })

  it('is on the disk before anything is appended, and a log is whole on the disk before it is closed', async () => {
    await storage.close()
    const traced = ['-f', '-s', '16', '-e', 'trace=fsync,fdatasync,write,pwrite64']
    const strace = new Child('strace', [...traced, process.execPath, WRITER, data, 'opening'], {
      missing: 'strace is not installed: apt-get install -y --no-install-recommends strace',
    })
    try {
      await until(() => strace.output.includes('write(1, "closed\\n"'))
      const calls = [...strace.output.matchAll(/(f(?:data)?sync|pwrite64|write)\((?:1, "(\w+)\\n")?/g)].map(
        ([, call, said]) => said ?? (call === 'pwrite64' ? 'write' : call === 'write' ? '' : 'sync'),
      )
      const told = calls.filter((call) => call !== '')
      const [opened, appended, closed] = ['opened', 'appended', 'closed'].map((said) => told.indexOf(said))
      assert.equal(told[(opened ?? 0) - 1], 'sync')
      assert.equal(told[(appended ?? 0) - 1], 'write', 'what is appended need not be')
      assert.equal(told[(closed ?? 0) - 1], 'sync')
    } finally {
      await strace.kill()
    }
    storage = open('boot 1')
  })

  describe('of a database that is written anew', () => {
    const file = () => join(data, 'gateway.db')

    it('is the same; numbers grow on, and all that came before is too old', async () => {
      for (const user of ['a@h', 'b@h', 'c@h']) await append(user)
      known = [someone('a@h'), someone('b@h'), someone('c@h')]
      const before = await epoch()
      rmSync(file())
      await untilRecovered()
      for (let i = 0; i < 2; i++) {
        assert.equal(await epoch(), before)
        const head = await storage.changes.head()
        for (let number = 0; number < head; number++) assert.equal(await storage.changes.after(number, ALL), null)
        // What was not told when it was lost may be in what was written: who had read all there was has to begin anew, too.
        assert(head > 3, `${head}`)
        assert.deepEqual(await storage.changes.after(head, ALL), [])
        const number = await append('d@h')
        assert.equal(number, head + 1)
        assert.deepEqual(
          (await storage.changes.after(head, ALL))?.map((batch) => batch.number),
          [number],
        )
        await storage.presences.prune(number, 0)
        await storage.close()
        storage = open('boot 2')
      }
    })

    it('still tells what became of grants', async () => {
      const app = 'app_x' as AppId
      const grant = { appid: app, scope: ['status'], paused: false, grantedAt: 1 } as const
      for (let n = 0; n < 3; n++) await storage.grants.save({ ...grant, user: jid(`u${n}@h`), uid: `UID${n}` })
      await storage.grants.remove(jid('u1@h'), app)
      await append('a@h')
      const told = await storage.changes.grantsAfter(app, 1)
      assert.equal(told.length, 3)
      rmSync(file())
      await untilRecovered()
      assert.deepEqual(await storage.changes.grantsAfter(app, 1), told)
      assert.equal((await storage.grants.byUid('UID2'))?.changedIn, 3)
      const { changedIn } = await storage.grants.save({ ...grant, user: jid('u1@h'), uid: 'UID-new' })
      assert((await storage.changes.grantsAfter(app, 5)).some(({ number }) => number === changedIn))
    })

    it('is the same where nothing of the damaged one can be read', async () => {
      const grant = {
        user: jid('a@h'),
        appid: 'app_x' as AppId,
        scope: ['status'],
        paused: false,
        grantedAt: 1,
      } as const
      for (let n = 0; n < 50; n++) await storage.grants.save({ ...grant, user: jid(`u${n}@h`), uid: `UID${n}` })
      const last = await append('a@h')
      const before = await epoch()
      sqliteOn(data, (database) => void database.pragma('wal_checkpoint(TRUNCATE)'))
      damage(file())
      await assert.rejects(storage.publications.saveChoice(jid('a@h'), 'none'))
      await untilRecovered()
      assert.equal(await epoch(), before)
      assert(((await append('a@h')) ?? 0) > last)
      assert.equal(await storage.changes.after(last, ALL), null)
    })

    it('is another one after a power cut', async () => {
      const before = await epoch()
      rmSync(file())
      await untilRecovered()
      await stopUncleanly()
      storage = open('boot 2')
      assert.notEqual(await epoch(), before)
    })
  })
})

function someone(user: string): LoggedPresence {
  const plain = { show: 'away', text: 'x', shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
  return { user: jid(user), ...plain, was: 'offline' }
}
