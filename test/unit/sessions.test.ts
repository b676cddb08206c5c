import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Session, SessionStore } from '../../src/accounts/session.js'
import { Sessions } from '../../src/accounts/sessions.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')
const HOUR = 3_600_000
const DAY = 24 * HOUR
const FROM = { browser: 'Firefox on Linux', address: '192.0.2.1' }

describe('Sessions', () => {
  const directory = temporaryDirectory()
  let database: ReturnType<typeof openDatabase>
  let store: SessionStore
  let clock: FakeClock
  let sessions: Sessions
  let writes: number
  beforeEach(() => {
    database = openDatabase(directory())
    store = new SqliteSessionStore(database)
    const used = store.used.bind(store)
    writes = 0
    store.used = (id, at) => {
      writes++
      return used(id, at)
    }
    clock = new FakeClock()
    sessions = new Sessions(store, clock, randomBytes)
  })
  afterEach(() => void database.close())

  const found = async (token: string): Promise<Session> => {
    const session = await sessions.find(token)
    assert(session)
    return session
  }

  it('are found by what the cookie holds, of which only the hash is kept', async () => {
    const token = await sessions.begin(ALICE, FROM)
    assert.match(token, /^[\w-]{43}$/)
    const session = await found(token)
    assert.deepEqual(
      { ...session, id: null },
      { ...FROM, id: null, user: ALICE, createdAt: clock.now(), usedAt: clock.now() },
    )
    assert.equal(await sessions.find(session.id), null)
    assert.equal(await sessions.find(''), null)
  })

  it('end 30 days after they were last used', async () => {
    const token = await sessions.begin(ALICE, FROM)
    for (let day = 0; day < 100; day += 25) {
      clock.pass(25 * DAY)
      await found(token)
    }
    clock.pass(30 * DAY - 1)
    await found(token)
    clock.pass(30 * DAY)
    assert.equal(await sessions.find(token), null)
    assert.deepEqual(await sessions.ofUser(ALICE), [])
  })

  it('are noted as used once an hour at most', async () => {
    const token = await sessions.begin(ALICE, FROM)
    for (let minute = 0; minute < 180; minute++) {
      clock.pass(60_000)
      await found(token)
    }
    assert.equal(writes, 3)
    assert.equal((await found(token)).usedAt, clock.now())
  })

  it('go on while their use cannot be noted', async () => {
    const token = await sessions.begin(ALICE, FROM)
    store.used = () => Promise.reject(new Error('disk full'))
    clock.pass(2 * HOUR)
    await found(token)
  })

  it('are at most 50 a user: one more ends the one that was not used for longest', async () => {
    const tokens: string[] = []
    for (let i = 0; i < 50; i++) {
      tokens.push(await sessions.begin(ALICE, FROM))
      clock.pass(HOUR)
    }
    const bobs = await sessions.begin(jid('bob@h'), FROM)
    const [first = '', second = ''] = tokens
    await found(first)
    clock.pass(1)
    const last = await sessions.begin(ALICE, FROM)
    assert.equal((await sessions.ofUser(ALICE)).length, 50)
    assert.equal(await sessions.find(second), null)
    for (const token of [first, last, bobs]) await found(token)
  })

  it('end one by one, or all of a user', async () => {
    const [one, two, three] = [
      await sessions.begin(ALICE, FROM),
      await sessions.begin(ALICE, FROM),
      await sessions.begin(jid('bob@h'), FROM),
    ]
    await sessions.end(await found(one))
    assert.equal(await sessions.find(one), null)
    await found(two)
    await sessions.endAll(ALICE)
    assert.equal(await sessions.find(two), null)
    await found(three)
  })

  it('are deleted from the disk, too, some day after they are over', async () => {
    await sessions.begin(ALICE, FROM)
    clock.pass(31 * DAY)
    await sessions.begin(jid('bob@h'), FROM)
    assert.equal(database.prepare('SELECT count(*) FROM session').pluck().get(), 1)
  })
})
