import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ForgottenStore } from '../../src/accounts/forgotten.js'
import type { AccountStore } from '../../src/apps/accounts.js'
import type { AppId } from '../../src/apps/app.js'
import { MOST_IN_BATCH } from '../../src/presence/presence-store.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { SqliteAccountStore } from '../../src/storage/sqlite-account-store.js'
import { SqliteChangeLog } from '../../src/storage/sqlite-change-log.js'
import { SqliteForgottenStore } from '../../src/storage/sqlite-forgotten-store.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { SqliteWebhookStore } from '../../src/storage/sqlite-webhook-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { newestIn, sqliteHome, tablesOf, WritingProcess } from './contract.js'
import { ownApp, saveEverythingOf, uidOf } from './everything-of.js'
import { aFlight, aWebhookState } from './webhook-samples.js'

/** Where something of a user can stand. */
const EVERYWHERE = [
  'app',
  'app_grant',
  'app_member',
  'change_batch',
  'personal_token',
  'presence',
  'public_link',
  'publication',
  'session',
  'subscription',
  'webhook',
]

interface Stores {
  readonly database: Database
  readonly accounts: AccountStore
  readonly forgotten: ForgottenStore
}

describe('AccountStore on SQLite', () => {
  const home = sqliteHome<Stores>((database) => ({
    database,
    accounts: new SqliteAccountStore(database),
    forgotten: new SqliteForgottenStore(database),
  }))
  const directory = temporaryDirectory()
  const alice = jid('alice\\20cooper@h')
  const bob = jid('bob@h')
  let opened: ReturnType<typeof home.open>
  beforeEach(() => {
    opened = home.open(directory())
  })
  afterEach(() => opened.close())

  const where = () => {
    const tables = tablesOf(directory())
    return Object.keys(tables).filter((table) => JSON.stringify(tables[table]).includes('20cooper@h'))
  }

  const bytes = () =>
    readdirSync(directory()).filter((name) => readFileSync(join(directory(), name)).includes('20cooper@h'))

  it('removes every trace of her but the hash, and nothing of others', async () => {
    await saveEverythingOf(opened.store.database, alice, [bob])
    const gone = await opened.store.accounts.remove(alice, 'hash')
    assert.deepEqual(where(), [])
    assert.deepEqual([...(await opened.store.forgotten.all())], ['hash'])
    assert.deepEqual(
      gone.grants.map(({ uid }) => uid).sort(),
      [uidOf(alice), `${uidOf(alice)}-shared`, uidOf(bob)].sort(),
    )
    assert.deepEqual(gone.apps, [ownApp(alice)])
    const left = tablesOf(directory())
    const rows = (table: string) => left[table]?.length
    assert.deepEqual([rows('app'), rows('app_member'), rows('app_icon'), rows('app_grant')], [1, 1, 0, 1])
    const presences = await newestIn(new SqlitePresenceStore(opened.store.database))
    assert.deepEqual([...presences.keys()], [bob])
    assert.equal(presences.get(bob)?.text, 'tea')
  })

  it('knows every table in which a user can stand', async () => {
    await saveEverythingOf(opened.store.database, alice, [bob])
    assert.deepEqual(where().sort(), EVERYWHERE)
    // Rosters are the web app's that keeps them here; the others name nobody.
    const beside = [
      'app_icon',
      'change_log',
      'forgotten',
      'moment',
      'roster',
      'roster_copy',
      'roster_pushed',
      'secret',
      'webhook_delivery',
    ]
    assert.deepEqual(Object.keys(tablesOf(directory())).sort(), [...EVERYWHERE, ...beside].sort())
  })

  it('leaves whoever’s JID begins or ends like hers alone', async () => {
    const others = ['alice\\20cooper@h.example', 'xalice\\20cooper@h'].map(jid)
    await saveEverythingOf(opened.store.database, alice, others)
    await opened.store.accounts.remove(alice, 'hash')
    const presences = await newestIn(new SqlitePresenceStore(opened.store.database))
    assert.deepEqual([...presences.keys()].sort(), others)
  })

  it('lets others have their turn, however often she is in the log, and removes what comes meanwhile', async () => {
    const presences = new SqlitePresenceStore(opened.store.database)
    const said = { show: 'away', text: 'tea', shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
    const rest = { ...said, was: 'away' } as const
    const append = () =>
      presences.append(
        [alice, bob].map((user) => ({ user, ...rest })),
        1,
      )
    for (let n = 0; n < 100; n++) await append()
    for (let n = 0; n < 100; n++) await presences.append([{ user: bob, ...rest }], 1)
    let turns = 0
    let over = false
    const removing = opened.store.accounts.remove(alice, 'hash').finally(() => {
      over = true
    })
    while (!over) {
      turns++
      // The log goes on, and its beginning is folded.
      await append()
      if (turns === 3) await presences.fold(10, [10], () => true)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await removing
    assert(turns > 50, `${turns} turns`)
    // Whoever was late is refused by the board.
    const mine = [...(await presences.changes())].filter(({ presence: { user } }) => user === alice)
    assert(mine.length <= 1, `${mine.length} are left`)
    assert.deepEqual([...(await opened.store.forgotten.all())], ['hash'])
  })

  it('leaves nothing of her in the bytes of the files, though she is deleted while they are in use', async () => {
    await saveEverythingOf(opened.store.database, alice, [bob])
    assert.notDeepEqual(bytes(), [])
    opened.store.database.pragma('wal_checkpoint(TRUNCATE)')
    assert.deepEqual(bytes(), ['gateway.db'])
    await opened.store.accounts.remove(alice, 'hash')
    assert.deepEqual(bytes(), [])
  })

  it('leaves nothing of her in the room that was given back before', async () => {
    const { database, accounts } = opened.store
    const presences = new SqlitePresenceStore(database)
    const webhooks = new SqliteWebhookStore(database)
    const appid = 'app_shared' as AppId
    await saveEverythingOf(database, alice, [bob])
    const said = { show: 'away', text: 'tea', shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
    const aLogged = { ...said, was: 'away' } as const
    const others = Array.from({ length: 200 }, (_, n) => ({ ...aLogged, user: jid(`user${n}@h`) }))
    const batch = [...others.slice(100), { ...aLogged, user: alice }, ...others.slice(0, 100)]
    for (let n = 0; n < 20; n++) await presences.append(batch, 1)
    const last = await presences.append([{ ...aLogged, user: alice }], 1)
    await presences.fold(last, [], () => false)
    await presences.prune(last, 0)
    for (let n = 0; n < 20; n++) {
      const body = `${'x'.repeat(10_000 - 400 * n)}${alice}`
      await webhooks.save([{ appid, state: aWebhookState({ flights: [aFlight({ body })] }) }])
    }
    await webhooks.save([{ appid, state: aWebhookState() }])
    await accounts.remove(alice, 'hash')
    assert.deepEqual(bytes(), [])
  })

  it('tells of all her grants, in batches of the log no longer than others', async () => {
    const { database, accounts } = opened.store
    database.transaction(() => {
      const insert = database.prepare("INSERT INTO app_grant VALUES (?, 'app_' || ?, 'UID' || ?, 'status', 0, 1, 0)")
      for (let n = 0; n <= MOST_IN_BATCH; n++) insert.run(alice, n, n)
    })()
    await accounts.remove(alice, 'hash')
    const batches = (await new SqliteChangeLog(database).after(0, 1)) ?? []
    assert.deepEqual(
      batches.map(({ grants }) => grants.length),
      [MOST_IN_BATCH, 1],
    )
    const told = new Set(batches.flatMap(({ grants }) => grants.map(({ uid }) => uid)))
    assert.equal(told.size, MOST_IN_BATCH + 1)
  })

  it('does not wait for who reads just then', async () => {
    await saveEverythingOf(opened.store.database, alice, [bob])
    const reader = openDatabase(directory())
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM session').get()
    try {
      await opened.store.accounts.remove(alice, 'hash')
      assert.equal(opened.store.database.pragma('busy_timeout', { simple: true }), 5000)
    } finally {
      reader.exec('COMMIT')
      reader.close()
    }
    assert.deepEqual(where(), [])
  })

  it('removes who is not there, and who is forgotten already, without a word', async () => {
    assert.deepEqual(await opened.store.accounts.remove(alice, 'hash'), { grants: [], apps: [] })
    assert.deepEqual(await opened.store.accounts.remove(alice, 'hash'), { grants: [], apps: [] })
    assert.deepEqual([...(await opened.store.forgotten.all())], ['hash'])
    await opened.store.forgotten.remove('hash')
    await opened.store.forgotten.remove('hash')
    assert.deepEqual([...(await opened.store.forgotten.all())], [])
  })

  it('removes nothing when the disk is full, and all of it when it is not', async () => {
    await saveEverythingOf(opened.store.database, alice, [bob])
    const everything = () => {
      // What she was before she was as she is now does not count.
      const { ballast: _, change_batch, ...tables } = tablesOf(directory())
      return { ...tables, last: change_batch?.slice(1) }
    }
    const before = everything()
    opened.fill()
    await assert.rejects(opened.store.accounts.remove(alice, 'x'.repeat(20_000)))
    assert.deepEqual(everything(), before)
    opened.empty()
    await opened.store.accounts.remove(alice, 'hash')
    assert.deepEqual(where(), [])
  })

  it('has removed all or nothing after kill -9, and all that it acknowledged', async () => {
    const writer = new WritingProcess(directory(), 'deletions')
    await writer.said(60)
    await writer.kill()
    const database = openDatabase(directory())
    const hashes = new Set(await new SqliteForgottenStore(database).all())
    database.close()
    const tables = tablesOf(directory())
    const users = writer.lines.filter((line) => line.startsWith('made ')).map((line) => Number(line.slice(5)))
    assert(users.length > 20)
    for (const n of users) {
      const isForgotten = hashes.has(`hash ${n}`)
      const found = Object.keys(tables).filter((table) => JSON.stringify(tables[table]).includes(`u${n}@example.org`))
      assert.deepEqual(found.sort(), isForgotten ? [] : EVERYWHERE)
      if (writer.lines.includes(`gone ${n}`)) assert(isForgotten, `${n} was acknowledged`)
    }
  })
})
