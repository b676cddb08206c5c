import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { backUp } from '../../src/storage/backup.js'
import { openDatabase } from '../../src/storage/database.js'
import { restore } from '../../src/storage/restore.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { damage, tablesOf } from './contract.js'

describe('restore', () => {
  const parent = temporaryDirectory()
  const at = (name: string) => join(parent(), name)
  let data: string
  let backup: string
  beforeEach(() => {
    data = at('data')
    backup = at('backup.db')
    const database = openDatabase(data)
    const insert = database.prepare('INSERT INTO publication VALUES (?, ?)')
    database.transaction(() => {
      for (let i = 0; i < 5000; i++) insert.run(`u${i}@h`, 'status')
    })()
    database.close()
    backUp(data, backup)
  })

  function sqlite(file: string, sql: string): void {
    const database = new Sqlite(file)
    database.exec(sql)
    database.close()
  }

  it('refuses what is no backup, says why, and leaves the data as it was', () => {
    const before = tablesOf(data)
    writeFileSync(at('text'), 'x'.repeat(10_000))
    mkdirSync(at('folder'))
    sqlite(at('other'), 'CREATE TABLE x (y); PRAGMA user_version = 1')
    sqlite(at('nothing'), '')
    sqlite(at('foreign'), 'PRAGMA user_version = 1')
    backUp(data, at('newer'))
    sqlite(at('newer'), 'PRAGMA user_version = 1000')
    backUp(data, at('more'))
    sqlite(at('more'), 'CREATE TABLE more (x)')
    backUp(data, at('damaged'))
    damage(at('damaged'))
    writeFileSync(at('half'), readFileSync(backup).subarray(0, 20_000))
    const foreign = "is a database, but not presence-gateway's"
    for (const [name, why] of [
      ['none', /^there is no file .*none$/],
      ['folder', / is no file$/],
      ['text', / is no database$/],
      ['other', foreign],
      ['nothing', foreign],
      ['foreign', foreign],
      ['more', foreign],
      ['newer', /newer was written by a newer presence-gateway \(schema 1000, this one knows \d+\)$/],
      ['damaged', /damaged is damaged/],
      ['half', /half is damaged/],
    ] as const) {
      const message = typeof why === 'string' ? `${at(name)} ${why}` : why
      assert.throws(() => restore(at(name), data, at('kept')), { name: 'StorageError', message }, name)
    }
    assert.deepEqual(tablesOf(data), before)
    assert.deepEqual(readdirSync(data), ['gateway.db'])
  })

  it('keeps what a killed gateway left in its log with the database that is replaced', () => {
    const database = openDatabase(data)
    database.exec("INSERT INTO publication VALUES ('late@h', 'none')")
    // As a kill leaves it: the log is there, and nobody has written it back.
    const left = new Map(['', '-wal'].map((suffix) => [suffix, readFileSync(join(data, `gateway.db${suffix}`))]))
    database.close()
    for (const [suffix, bytes] of left) writeFileSync(join(data, `gateway.db${suffix}`), bytes)
    assert.equal(restore(backup, data, at('kept')), true)
    assert.equal(tablesOf(data).publication?.length, 5000)
    assert.deepEqual(readdirSync(data), ['gateway.db'])
    restore(at('kept'), data, at('kept again'))
    assert.equal(tablesOf(data).publication?.length, 5001)
  })

  it('takes a raw copy with its log, too', () => {
    const database = openDatabase(data)
    database.exec("INSERT INTO publication VALUES ('late@h', 'none')")
    for (const suffix of ['', '-wal'])
      writeFileSync(at(`raw${suffix}`), readFileSync(join(data, `gateway.db${suffix}`)))
    database.close()
    restore(at('raw'), data, at('kept'))
    assert.equal(tablesOf(data).publication?.length, 5001)
  })

  it('replaces nothing unless it may', () => {
    assert.throws(() => restore(backup, data, null), /is there already: --force replaces it/)
    mkdirSync(at('fresh'))
    assert.equal(restore(backup, at('fresh'), null), false)
    assert.equal(tablesOf(at('fresh')).publication?.length, 5000)
  })

  it('leaves alone what lies beside the database, whatever its name', () => {
    for (const suffix of ['', '-wal', '-shm']) writeFileSync(join(data, `gateway.db.before${suffix}`), 'mine')
    rmSync(join(data, 'gateway.db'))
    assert.equal(restore(backup, data, null), false)
    for (const suffix of ['', '-wal', '-shm']) {
      assert.equal(readFileSync(join(data, `gateway.db.before${suffix}`), 'utf8'), 'mine')
    }
    writeFileSync(at('kept'), 'mine')
    assert.throws(() => restore(backup, data, at('kept')), { name: 'StorageError', message: /EEXIST/ })
    assert.equal(readFileSync(at('kept'), 'utf8'), 'mine')
    assert.equal(tablesOf(data).publication?.length, 5000)
  })

  it('brings no session back: it may have been ended since', () => {
    sqlite(backup, "INSERT INTO session VALUES ('hash', 'u1@h', 'Firefox', '::1', 1, 1)")
    restore(backup, data, at('kept'))
    assert.deepEqual(tablesOf(data).session, [])
    assert.equal(tablesOf(data).publication?.length, 5000)
  })
})
