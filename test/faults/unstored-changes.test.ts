import assert from 'node:assert/strict'
import { join } from 'node:path'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteChangeLog } from '../../src/storage/sqlite-change-log.js'
import { batchStatus } from '../support/batch-status.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { HostileServer } from '../support/hostile-server.js'
import { limitFiles } from '../support/limit-files.js'
import { allTakenIn, COMPONENT, DOMAIN, PRIVILEGE, presenceOf, prosodyLike } from '../support/prosody-like.js'
import { until } from '../support/until.js'

const USERS = 3000
const CHANGES = 5

describe('Changes that cannot be stored', function () {
  this.timeout(60_000)
  let server: HostileServer
  let gateway: GatewayProcess

  before(async () => {
    server = await HostileServer.start(prosodyLike([PRIVILEGE]))
    gateway = await startGateway({
      config: {
        xmpp: { service: server.service, domain: COMPONENT, secret: 'secret' },
        domains: { [DOMAIN]: { publish: 'details' } },
      },
    })
  })
  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  /** What any reader of the log finds, whoever keeps it. */
  async function logged(after: number) {
    const database = openDatabase(join(gateway.directory, 'data'))
    try {
      const log = new SqliteChangeLog(database)
      const rows: { user: string; show: string; was: string; text: string | null }[] = []
      let head = after
      for (;;) {
        const batches = (await log.after(head, 10_000)) ?? assert.fail('too old')
        const last = batches.at(-1)
        if (!last) return { head, rows }
        head = last.number
        for (const { presences } of batches) for (const row of presences) if (row) rows.push(row)
      }
    } finally {
      database.close()
    }
  }

  const jids = Array.from({ length: USERS }, (_, n) => `user${n}@${DOMAIN}`)
  const storage = async () => {
    const answer = await fetch(`${gateway.opsUrl}/readyz`)
    const why = (await answer.text()).split('\n').find((line) => line.startsWith('storage: '))
    if (why) assert.equal(answer.status, 503)
    return why
  }
  const stored = async () => {
    const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    return /^presence_gateway_unstored_users 0$/m.test(metrics)
  }

  it('are served and wait, the latest of each user; no reader finds them before they are, and then that alone', async () => {
    const connection = await server.accepted()
    const say = async (show: string, text: string) => {
      const inside = `<show>${show}</show><status>${text}</status>`
      connection.socket.write(jids.map((jid) => presenceOf(`${jid}/r`, inside)).join(''))
      await allTakenIn(connection)
    }
    await say('away', 'before')
    await until(stored)
    const before = await logged(0)
    assert.equal(new Set(before.rows.map(({ user }) => user)).size, USERS)

    limitFiles(gateway.pid, 4096)
    for (let n = 1; n <= CHANGES; n++) await say(n === CHANGES ? 'dnd' : 'xa', `${n}`)
    assert.match((await until(storage)) ?? '', /^storage: the disk cannot be written/)
    for (const { show, text } of await batchStatus(gateway, jids)) assert.deepEqual([show, text], ['dnd', `${CHANGES}`])
    assert.deepEqual((await logged(before.head)).rows, [])

    limitFiles(gateway.pid, null)
    await until(async () => (await storage()) === undefined && (await stored()), 30_000, 'recovery')
    const { rows } = await logged(before.head)
    assert.deepEqual(
      rows.map(({ user, was, show, text }) => [user, was, show, text]).sort(byUser),
      jids.map((user) => [user, 'away', 'dnd', `${CHANGES}`]).sort(byUser),
    )
  })
})

function byUser([a = '']: readonly (string | null)[], [b = '']: readonly (string | null)[]): number {
  return (a ?? '') < (b ?? '') ? -1 : 1
}
