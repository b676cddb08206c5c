import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { StoredPresence } from '../../src/presence/presence-store.js'
import type { Publication } from '../../src/presence/publication.js'
import type { Subscription } from '../../src/presence/subscriptions.js'
import { openDatabase } from '../../src/storage/database.js'
import type { Memory } from '../../src/storage/database-in-use.js'
import { Storage } from '../../src/storage/storage.js'
import { limitFiles } from '../support/limit-files.js'
import { until } from '../support/until.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { damage, newestIn, tablesOf } from './contract.js'

const ALICE = jid('alice@h')
const CONTACTS = '"bob@h":{"name":"Bob","groups":{}}'
const COPY = { contacts: CONTACTS, fetchedAt: 1700000000123 }
const USERS = 5000

describe('Storage', () => {
  const parent = temporaryDirectory()
  let directory: string
  let file: string
  let storage: Storage
  let events: string[]
  let waiting: boolean
  let presences: StoredPresence[]
  let choices: Map<ReturnType<typeof jid>, Publication>
  let subscriptions: Map<ReturnType<typeof jid>, Subscription>
  let contentsAsked: () => void
  const memory: Memory = {
    waiting: () => waiting,
    contents: () => {
      contentsAsked()
      return { presences, knownUntil: 4711, choices, subscriptions, links: [[ALICE, 'link']], forgotten: ['x'] }
    },
  }

  beforeEach(async () => {
    directory = join(parent(), 'data')
    file = join(directory, 'gateway.db')
    events = []
    waiting = false
    contentsAsked = () => {}
    storage = open()
    presences = [someone('alice@h'), someone('bob@h', { show: 'offline', resource: null })]
    choices = new Map([[ALICE, 'details']])
    subscriptions = new Map([[jid('bob@h'), { consent: 'refused', by: 'roster', watchesUs: true }]])
    storage.secret('etag', (bytes) => Buffer.alloc(bytes, 7))
    await append(presences)
    await storage.presences.saveKnownUntil(4711)
    for (const [user, choice] of choices) await storage.publications.saveChoice(user, choice)
    for (const [user, said] of subscriptions) await storage.subscriptions.saveSubscription(user, said)
    await storage.rosters.save(new Map([[ALICE, CONTACTS]]))
    await storage.rosterPushes.savePushed(ALICE, CONTACTS)
    await storage.rosterCopies.saveCopy(ALICE, COPY)
    await storage.publicLinks.save(ALICE, 'link')
    fillOtherTables(directory)
    storage.check(memory)
  })
  afterEach(() => storage.close())

  function open(): Storage {
    return new Storage(directory, {
      failed: (reason) => events.push(`failed: ${reason}`),
      recovered: (mended) => events.push(`recovered: ${mended}`),
    })
  }

  const append = (batch: readonly StoredPresence[]) =>
    storage.presences.append(
      batch.map((presence) => ({ ...presence, was: 'unknown' })),
      1,
    )
  const choose = () => storage.publications.saveChoice(ALICE, 'none')
  /** As the gateway does each second, until it is over. */
  const untilRecovered = () =>
    until(async () => {
      storage.check(memory)
      return storage.fault === null
    })

  async function isAllThere(rostersAreLost = false): Promise<void> {
    await storage.close()
    storage = open()
    assert.deepEqual(await newestIn(storage.presences), new Map(presences.map((one) => [one.user, one])))
    assert.equal(await storage.presences.knownUntil(), 4711)
    assert.deepEqual(await storage.publications.choices(), choices)
    assert.deepEqual(await storage.subscriptions.subscriptions(), subscriptions)
    assert.deepEqual([...(await storage.publicLinks.all())], [[ALICE, 'link']])
    assert.deepEqual([...(await storage.forgotten.all())], ['x'])
    assert.equal(await storage.rosters.printed(ALICE), rostersAreLost ? '' : CONTACTS)
    assert.equal(await storage.rosterPushes.pushed(ALICE), rostersAreLost ? '' : CONTACTS)
    assert.deepEqual(await storage.rosterCopies.copyOf(ALICE), rostersAreLost ? null : COPY)
    assert.deepEqual(
      storage.secret('etag', (bytes) => Buffer.alloc(bytes, 8)),
      Buffer.alloc(32, 7),
    )
  }

  it('has nothing to say while all is well', async () => {
    await choose()
    storage.check(memory)
    assert.equal(storage.fault, null)
    assert.deepEqual(events, [])
  })

  it('acknowledges nothing that went to a file that is gone', async () => {
    rmSync(file)
    await assert.rejects(choose(), { name: 'StorageError', message: `${file} is gone` })
    await assert.rejects(append(presences), /is gone/)
    await assert.rejects(
      storage.subscriptions.saveSubscription(ALICE, { consent: 'asked', by: 'subscription', watchesUs: false }),
      /is gone/,
    )
    assert.equal(storage.fault, `${file} is gone`)
    assert.deepEqual(events, [`failed: ${file} is gone`])
  })

  it('writes everything anew when the file is gone, and says so once it is all there', async () => {
    const before = rowsOf(directory)
    for (const [table, rows] of Object.entries(before)) assert.notEqual(rows, 0, `nothing is in ${table}`)
    rmSync(file)
    waiting = true
    storage.check(memory)
    await until(() => existsSync(file))
    storage.check(memory)
    assert.deepEqual(events, [`failed: ${file} is gone`])
    waiting = false
    await untilRecovered()
    assert.deepEqual(events, [`failed: ${file} is gone`, `recovered: ${file} was written anew from memory`])
    assert.deepEqual(rowsOf(directory), before)
    await isAllThere()
    await choose()
    await storage.close()
    storage = open()
    assert.deepEqual(await storage.publications.choices(), new Map([[ALICE, 'none']]))
  })

  it('goes on with the log of presences where it was: what is folded later loses nothing', async () => {
    const before = await append([someone('carol@h')])
    presences.push(someone('carol@h'))
    rmSync(file)
    await untilRecovered()
    const after = await append([someone('dora@h')])
    presences.push(someone('dora@h'))
    assert(after > before)
    // As the writer does, which knows of the batches before.
    await storage.presences.fold(before, [before], () => true)
    await isAllThere()
  })

  for (const [what, harm, why] of [
    ['its log is deleted', () => rmSync(`${file}-wal`), 'gateway.db-wal is gone'],
    ['it is cut short', () => truncateSync(file, 0), 'gateway.db was cut short'],
  ] as const) {
    it(`writes everything anew, and acknowledges nothing before, when ${what}`, async () => {
      await choose()
      choices.set(ALICE, 'none')
      harm()
      await assert.rejects(storage.publications.saveChoice(jid('bob@h'), 'none'), {
        message: `${join(directory, why)}`,
      })
      await untilRecovered()
      await isAllThere()
      assert.equal(events.length, 2)
    })
  }

  it('goes on when the file, or its folder, is moved away and back', async () => {
    for (const path of [file, directory]) {
      renameSync(path, `${path}.away`)
      await assert.rejects(choose(), /is gone/)
      renameSync(`${path}.away`, path)
      await untilRecovered()
      await choose()
    }
    assert.deepEqual(
      events.map((event) => event.split(':')[0]),
      ['failed', 'recovered', 'failed', 'recovered'],
    )
    assert(!events.some((event) => event.includes('anew')))
  })

  it('makes no new database where its folder is gone: a disk may come back', async () => {
    renameSync(directory, `${directory}.away`)
    for (let i = 0; i < 30; i++) storage.check(memory)
    assert.equal(storage.fault, `${directory} is gone: put it back`)
    assert(!existsSync(directory))
    renameSync(`${directory}.away`, directory)
    await untilRecovered()
  })

  it('leaves another file that has come in its place alone, and what is in it whole', async () => {
    const other = join(parent(), 'other')
    const made = openDatabase(other)
    made.prepare('INSERT INTO publication VALUES (?, ?)').run('carol@h', 'status')
    made.close()
    copyFileSync(join(other, 'gateway.db'), `${file}.coming`)
    renameSync(`${file}.coming`, file)
    const why = `${file} is another file now: restart to use that one, or put the old one back`
    await assert.rejects(choose(), { message: why })
    for (let i = 0; i < 30; i++) storage.check(memory)
    assert.deepEqual(events, [`failed: ${why}`])
    await storage.close()
    storage = open()
    assert.deepEqual(await storage.publications.choices(), new Map([['carol@h', 'status']]))
  })

  it('writes everything anew when the file is damaged, and keeps the damaged one', async () => {
    presences = Array.from({ length: USERS }, (_, i) => someone(`u${i}@${'x'.repeat(100)}`))
    choices = new Map(presences.map(({ user }) => [user, 'status']))
    await append(presences)
    // Written by another, so that nothing of it is read from memory.
    const database = openDatabase(directory)
    database.transaction(() => {
      const insert = database.prepare('REPLACE INTO publication VALUES (?, ?)')
      for (const row of choices) insert.run(...row)
      database.prepare('DELETE FROM publication WHERE user = ?').run(ALICE)
      database.prepare('DELETE FROM change_batch WHERE number = 1').run()
    })()
    database.pragma('wal_checkpoint(TRUNCATE)')
    database.close()
    const before = rowsOf(directory)
    writeFileSync(`${file}.damaged`, 'from earlier')
    damage(file)
    const user = jid(`u${USERS / 2}@${'x'.repeat(100)}`)
    await assert.rejects(storage.publications.saveChoice(user, 'none'), { code: /^SQLITE_(CORRUPT|NOTADB)/ })
    await assert.rejects(storage.publications.saveChoice(user, 'none'), { name: 'StorageError' })
    await untilRecovered()
    assert.equal(events.length, 2)
    assert.match(events[0] ?? '', /^failed: this is no database, or a damaged one/)
    const kept =
      /was written anew from memory; not all could be read of: roster, roster_pushed, roster_copy[a-z_, ]* \(a backup has it\); the damaged one is kept as (gateway\.db\.damaged-\d{8}T\d{6}\.\d{3}Z)$/
    assert(readdirSync(directory).includes(kept.exec(events[1] ?? '')?.[1] ?? ''), events[1])
    assert.equal(readFileSync(`${file}.damaged`, 'utf8'), 'from earlier')
    const { publication, subscription, secret, moment, public_link, forgotten } = before
    const known = { publication, subscription, secret, moment, public_link, forgotten }
    assert.deepEqual(rowsOf(directory), {
      ...Object.fromEntries(Object.keys(before).map((table) => [table, 0])),
      ...known,
    })
    await isAllThere(true)
    await storage.publications.saveChoice(user, 'none')
  })

  it('does not do what it refused because the file is gone', async () => {
    await storage.rosters.save(new Map([[jid('carol@h'), CONTACTS]]))
    rmSync(file)
    await assert.rejects(storage.rosters.save(new Map([[jid('carol@h'), '']])), /is gone/)
    await untilRecovered()
    assert.equal(await storage.rosters.printed(jid('carol@h')), CONTACTS)
  })

  it('reads on while the file is gone', async () => {
    rmSync(file)
    await assert.rejects(choose(), /is gone/)
    assert.deepEqual(await storage.sessions.ofUser(ALICE), [])
    assert.deepEqual(await storage.apps.ofMember(ALICE), [])
    assert.deepEqual(await storage.grants.ofUser(ALICE), [])
    assert.equal(await storage.rosters.printed(ALICE), CONTACTS)
  })

  it('leaves alone what the admin has moved away, whatever its name', async () => {
    renameSync(file, `${file}.damaged`)
    const moved = readFileSync(`${file}.damaged`)
    await untilRecovered()
    await isAllThere()
    assert.equal(events.at(-1), `recovered: ${file} was written anew from memory`)
    assert.deepEqual(readFileSync(`${file}.damaged`), moved)
  })

  it('goes on when what it has written anew cannot be opened at first', async () => {
    // The disk is full once everything is written, and before it is opened in its place.
    contentsAsked = () => {
      contentsAsked = () => {}
      setImmediate(() => limitFiles(process.pid, 4096))
    }
    rmSync(file)
    try {
      storage.check(memory)
      await until(() => existsSync(file))
      await until(() => !existsSync(`${file}.new`))
      for (let i = 0; i < 30; i++) storage.check(memory)
      await assert.rejects(choose(), { name: 'StorageError', message: /the disk cannot be written/ })
    } finally {
      limitFiles(process.pid, null)
    }
    storage.check(memory)
    assert.deepEqual(events, [`failed: ${file} is gone`, `recovered: ${file} was written anew from memory`])
    await isAllThere()
    assert.deepEqual(readdirSync(directory).sort(), ['gateway.db', 'gateway.db-shm', 'gateway.db-wal'])
  })

  it('keeps a broken copy from an earlier try out of the way', async () => {
    writeFileSync(`${file}.new`, 'half')
    rmSync(file)
    await untilRecovered()
    assert(!existsSync(`${file}.new`))
  })
})

function someone(user: string, said: Partial<StoredPresence> = {}): StoredPresence {
  const plain = { show: 'away', text: 'x', shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
  return { user: jid(user), ...plain, ...said }
}

/** A row of any values in each table that has none yet. */
function fillOtherTables(directory: string): void {
  const database = openDatabase(directory)
  for (const [table, rows] of Object.entries(tablesOf(directory))) {
    if (rows.length > 0) continue
    const columns = database.prepare<[], { type: string }>(`PRAGMA table_info(${table})`).all()
    const values = columns.map(({ type }) => (type === 'TEXT' ? "'x'" : type === 'BLOB' ? "x'00'" : '7'))
    database.exec(`INSERT INTO ${table} VALUES (${values})`)
  }
  database.close()
}

/** How many are in each table, but for presences, which are in either of two, and copies, which are fetched again. */
function rowsOf(directory: string): Record<string, number> {
  const { presence: _folded, change_batch: _log, change_log: _state, ...rest } = tablesOf(directory)
  return Object.fromEntries(Object.entries(rest).map(([table, rows]) => [table, rows.length]))
}
