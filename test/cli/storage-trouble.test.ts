import assert from 'node:assert/strict'
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { bootId } from '../../src/ops/boot-id.js'
import { damage, tablesOf } from '../contract/contract.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { limitFiles } from '../support/limit-files.js'
import { until } from '../support/until.js'
import { controlOf, manyth, publishing } from './publishing.js'

const FAILS = 'storing fails; everything is kept in memory and tried again'
const MANY = 1000
const WORKS = 'storing works again'

describe('a gateway whose storage is in trouble', () => {
  let gateway: GatewayProcess
  let file: string
  beforeEach(async () => {
    gateway = await startGateway({
      config: { domains: { 'example.org': null }, xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:2' } },
    })
    file = join(gateway.directory, 'data', 'gateway.db')
  })
  afterEach(() => gateway.stop())

  const reason = async () => {
    const answer = await fetch(`${gateway.opsUrl}/readyz`)
    return (await answer.text()).split('\n').find((line) => line.startsWith('storage: ')) ?? null
  }
  const said = () => gateway.logLines.map(({ msg }) => msg).filter((msg) => msg === FAILS || msg === WORKS)
  const untilWell = () => until(async () => said().includes(WORKS) && (await reason()) === null, 30_000, 'recovery')
  const choose = (user: string) => controlOf(gateway).publish(user, 'status')
  /** Published and never seen: known, but not how she is. */
  const untilShown = async (user: string) => assert.equal((await gateway.status(user)).status, 503)

  it('serves on with a full disk, refuses what it cannot keep, and recovers by itself', async () => {
    await choose('alice@example.org')
    limitFiles(gateway.pid, 4096)
    const users = Array.from({ length: 50 }, (_, i) => `u${i}@example.org`)
    const results = await Promise.allSettled(users.map(choose))
    assert(results.every(({ status }) => status === 'rejected'))
    const { code, output } = await gateway.run('publish', 'bob@example.org', 'status')
    assert.equal(code, 1)
    assert.match(output, /^presence-gateway: it could not be stored: the disk cannot be written; is it full\?/)
    assert.match((await reason()) ?? '', /^storage: the disk cannot be written/)
    await untilShown('alice@example.org')
    assert.equal((await gateway.status('bob@example.org')).status, 404)
    const backup = await gateway.run('backup', join(gateway.directory, 'backup.db'))
    assert.equal(backup.code, 1)
    assert.match(backup.output, /^presence-gateway: it could not be stored: the disk cannot be written/)
    assert(!existsSync(join(gateway.directory, 'backup.db')))
    limitFiles(gateway.pid, null)
    await untilWell()
    await choose('bob@example.org')
    await untilShown('bob@example.org')
    assert.deepEqual(said(), [FAILS, WORKS])
  })

  for (const [what, harm] of [
    ['deleted', () => rmSync(file)],
    [
      'damaged',
      () => {
        forgetMemory(file)
        damage(file)
      },
    ],
  ] as const) {
    it(`serves on when the database is ${what}, writes it anew, and has lost nothing`, async () => {
      await gateway.shutDown()
      publishing(join(gateway.directory, 'data'), MANY)
      await gateway.start()
      await choose('alice@example.org')
      harm()
      await until(async () => {
        const some = Array.from({ length: 20 }, () => manyth(Math.floor(Math.random() * MANY)))
        const results = await Promise.allSettled(some.map(choose))
        return results.some(({ status }) => status === 'rejected')
      })
      await untilShown('alice@example.org')
      await untilWell()
      await choose('bob@example.org')
      assert.deepEqual(said(), [FAILS, WORKS])
      await gateway.kill9()
      const { publication } = tablesOf(join(gateway.directory, 'data'))
      assert.equal(publication?.length, MANY + 2)
      await gateway.start()
      await untilShown('alice@example.org')
      await untilShown('bob@example.org')
    })
  }

  it('keeps every choice that it acknowledged, killed at any moment', async () => {
    const acknowledged = new Set<string>()
    for (let round = 1; round <= 3; round++) {
      let killed = false
      const choosing = Array.from({ length: 4 }, async (_, lane) => {
        for (let n = 0; !killed; n++) {
          const user = `u${round}-${lane}-${n}@example.org`
          await choose(user).then(
            () => acknowledged.add(user),
            () => {},
          )
        }
      })
      const before = acknowledged.size
      await until(() => acknowledged.size > before + round * 30)
      await gateway.kill9()
      killed = true
      await Promise.all(choosing)
      const rows = tablesOf(join(gateway.directory, 'data')).publication as { user: string }[]
      const found = new Set(rows.map(({ user }) => user))
      for (const user of acknowledged) assert(found.has(user), `${user} in round ${round}`)
      await gateway.start()
    }
    await untilShown('u1-0-0@example.org')
  })

  it('goes on with the epoch of its log after kill -9, since that loses nothing, and closes the log when it is stopped', async () => {
    const state = () => {
      const rows = tablesOf(join(gateway.directory, 'data')).change_log as { name: string; value: unknown }[]
      return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
    }
    const { epoch, open } = state()
    assert.equal(open, bootId())
    await gateway.kill9()
    await gateway.start()
    assert.deepEqual(state(), { ...state(), epoch, open })
    await gateway.shutDown()
    assert.deepEqual([state().epoch, state().open], [epoch, undefined])
  })

  it('says so when another file has come in its place, and uses that one after a restart', async () => {
    await choose('alice@example.org')
    assert.equal((await gateway.run('backup', join(gateway.directory, 'backup.db'))).code, 0)
    await choose('bob@example.org')
    copyFileSync(join(gateway.directory, 'backup.db'), `${file}.coming`)
    renameSync(`${file}.coming`, file)
    await assert.rejects(choose('carol@example.org'), /is another file now: restart to use that one/)
    assert.match((await reason()) ?? '', /^storage: .*gateway\.db is another file now/)
    await untilShown('bob@example.org')
    assert.deepEqual(said(), [FAILS])
    await gateway.restart()
    await untilShown('alice@example.org')
    assert.equal((await gateway.status('bob@example.org')).status, 404)
    assert.equal(await reason(), null)
  })
})

/** A change by another makes SQLite read again what it has in memory; here, from the file itself. */
function forgetMemory(file: string): void {
  const database = new Sqlite(file)
  database.exec("REPLACE INTO moment VALUES ('known until', 1)")
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}
