import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { AppId } from '../../src/apps/app.js'
import { openDatabase } from '../../src/storage/database.js'
import { MIGRATIONS } from '../../src/storage/migrations.js'
import { Storage } from '../../src/storage/storage.js'
import { REPOSITORY } from '../support/repository.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { newestIn } from './contract.js'

/** Every version that ever was, today's too. A new step needs a new file: what today's code writes, dumped. */
const VERSIONS = MIGRATIONS.map((_, index) => index + 1)
const PRESENCES = [
  {
    user: 'alice@example.org',
    show: 'away',
    text: "Lunch 'til one 😀",
    shownSince: 1700000000123,
    idleSince: 1699999999000,
    resource: 'laptop',
    priority: 5,
  },
  {
    user: 'bob@example.org',
    show: 'offline',
    text: null,
    shownSince: 1700000000456,
    idleSince: null,
    resource: null,
    priority: 0,
  },
  {
    user: 'straße@xn--bcher-kva.example',
    show: 'online',
    text: null,
    shownSince: null,
    idleSince: null,
    resource: '',
    priority: -128,
  },
]

describe('a database of an earlier version', () => {
  const directory = temporaryDirectory()
  const silent = { failed: () => {}, recovered: () => {} }

  /** Runs SQL on the database, before it is opened as the gateway does. */
  function sqlite(sql: string): Schema {
    return schemaAfter(sql, join(directory(), 'gateway.db'))
  }

  for (const version of VERSIONS) {
    it(`${version} is read by today's, with everything in it`, async () => {
      sqlite(dump(version))
      for (let opened = 0; opened < 2; opened++) {
        const storage = new Storage(directory(), silent)
        try {
          const presences = [...(await newestIn(storage.presences)).values()]
          presences.sort((a, b) => (a.user < b.user ? -1 : 1))
          assert.deepEqual(presences, PRESENCES)
          assert.equal(await storage.presences.knownUntil(), version < 2 ? null : 1700000060000)
          assert.deepEqual(
            await storage.publications.choices(),
            new Map(
              Object.entries({
                'alice@example.org': 'details',
                'bob@example.org': 'none',
                'carol@example.org': 'status',
              }),
            ),
          )
          assert.deepEqual(
            await storage.subscriptions.subscriptions(),
            new Map([
              [
                'alice@example.org',
                { consent: 'granted', by: version < 4 ? 'subscription' : 'roster', watchesUs: true },
              ],
              ['bob@example.org', { consent: 'refused', by: 'subscription', watchesUs: false }],
              ['carol@example.org', { consent: 'asked', by: 'subscription', watchesUs: false }],
            ]),
          )
          const kept = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
          assert.deepEqual(
            storage.secret('etag', () => Buffer.alloc(32)),
            kept,
          )
        } finally {
          await storage.close()
        }
      }
      assert.equal(sqlite('').version, MIGRATIONS.length)
    })

    it(`${version} is what its steps make: no step was changed since`, () => {
      const steps = [...MIGRATIONS.slice(0, version), `PRAGMA user_version = ${version}`]
      assert.deepEqual(schemaAfter(dump(version)), schemaAfter(steps.join(';')))
    })
  }

  it('6 has the log as its readers left it', async () => {
    sqlite(dump(6))
    const storage = new Storage(directory(), silent, { boot: '7d1f6f5e-3f0a-4f0e-9d5a-0a4b5c6d7e8f' })
    try {
      const { changes } = storage
      assert.deepEqual([await changes.epoch(), await changes.head()], ['0123456789abcdef', 10])
      assert.equal(await changes.after(5, 100), null)
      const batches = (await changes.after(6, 100)) ?? []
      assert.deepEqual(
        batches.map(({ number, at, presences }) => [number, at, presences.map((row) => [row?.show, row?.was])]),
        [
          [7, 1640000000006, [['dnd', 'chat']]],
          [
            8,
            1650000000011,
            [
              ['xa', 'dnd'],
              ['unknown', 'online'],
            ],
          ],
          [9, 1700000020001, []],
          [10, 1700000020016, [['away', 'xa']]],
        ],
      )
      const grant = { appid: 'app_0123456789abcdefghijklmn' as AppId, uid: 'UIDabcdefghijklmnopqrstuv' }
      const entry = { ...grant, user: 'bob@example.org' }
      assert.deepEqual(await changes.grantsAfter(grant.appid, 0), [{ ...entry, number: 9 }])
      assert.equal((await storage.grants.byUid(grant.uid))?.changedIn, 9)
    } finally {
      await storage.close()
    }
  })

  it('5 has its presences in a log whose numbers go on, until that is pruned', async () => {
    sqlite(dump(5))
    const storage = new Storage(directory(), silent)
    try {
      const { changes, presences } = storage
      const shown = ((await changes.after(0, 100)) ?? []).flatMap((batch) => batch.presences.map((row) => row?.was))
      assert.deepEqual(shown, ['unknown', 'unknown', 'unknown'])
      assert.deepEqual(await presences.kept(), [
        { number: 7, at: 0, size: 0 },
        { number: 9, at: 0, size: 0 },
      ])
      assert.equal(await presences.append([], 1), 10)
      assert.equal((await storage.grants.byUid('UIDabcdefghijklmnopqrstuv'))?.changedIn, 0)
    } finally {
      await storage.close()
    }
  })

  for (const [version, obstacle] of [
    [0, 'secret'],
    [1, 'moment'],
  ] as const) {
    it(`stays ${version} as it was, and says why, when a step fails half-way`, () => {
      const before = version === 0 ? '' : dump(version)
      const whole = sqlite(`${before}; CREATE TABLE ${obstacle} (in_the_way)`)
      const message = `${join(directory(), 'gateway.db')}: table ${obstacle} already exists`
      assert.throws(() => openDatabase(directory()), { name: 'StorageError', message })
      assert.deepEqual(sqlite(''), whole)
      sqlite(`DROP TABLE ${obstacle}`)
      openDatabase(directory()).close()
      assert.equal(sqlite('').version, MIGRATIONS.length)
    })
  }

  it('is refused when it is later instead', () => {
    openDatabase(directory()).close()
    sqlite(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    const file = join(directory(), 'gateway.db')
    const known = `schema ${MIGRATIONS.length + 1}, this one knows ${MIGRATIONS.length}`
    assert.throws(() => openDatabase(directory()), {
      name: 'StorageError',
      message: `${file} was written by a newer presence-gateway (${known})`,
    })
  })
})

function dump(version: number): string {
  return readFileSync(join(REPOSITORY, 'test', 'contract', 'databases', `version-${version}.sql`), 'utf8')
}

interface Schema {
  readonly version: unknown
  readonly tables: readonly unknown[]
}

function schemaAfter(sql: string, file = ':memory:'): Schema {
  const database = new Sqlite(file)
  try {
    database.exec(sql)
    return {
      version: database.pragma('user_version', { simple: true }),
      tables: database
        .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
        .all(),
    }
  } finally {
    database.close()
  }
}
