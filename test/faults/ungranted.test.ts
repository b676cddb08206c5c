import assert from 'node:assert/strict'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { batchStatus } from '../support/batch-status.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { HostileServer } from '../support/hostile-server.js'
import {
  allTakenIn,
  COMPONENT,
  DOMAIN,
  inChunks,
  PRIVILEGE,
  presenceOf,
  privilegeOf,
  prosodyLike,
} from '../support/prosody-like.js'
import { residentMemory } from '../support/resident-memory.js'

const SENDERS = 10_000
const MORE_MEMORY = 64 * 1024 * 1024
const OTHER = 'other.example'
const UNSERVED = 'unserved.example'
const OF_USERS = ['presence', 'change_batch', 'publication', 'subscription'] as const

const cases: { what: string; of: string; sources: string[]; said: string[]; counted: string }[] = [
  {
    what: 'of a served domain without the privilege',
    of: OTHER,
    sources: ['privileged', 'subscription'],
    said: [PRIVILEGE],
    counted: 'ungranted',
  },
  {
    what: 'of a domain that is not served',
    of: UNSERVED,
    sources: ['privileged', 'subscription'],
    said: [PRIVILEGE, privilegeOf(UNSERVED)],
    counted: 'unserved',
  },
  {
    what: 'of a privileged domain where the privilege is not a source',
    of: DOMAIN,
    sources: ['subscription'],
    said: [PRIVILEGE],
    counted: 'ungranted',
  },
  {
    what: 'of a domain whose privilege was taken back',
    of: DOMAIN,
    sources: ['privileged'],
    said: [PRIVILEGE, privilegeOf(DOMAIN, 'none')],
    counted: 'ungranted',
  },
]

for (const { what, of, sources, said, counted } of cases) {
  describe(`10,000 users ${what} send us presence`, function () {
    this.timeout(30_000)
    let server: HostileServer
    let gateway: GatewayProcess
    const jids = Array.from({ length: SENDERS }, (_, n) => `user${n}@${of}`)

    before(async () => {
      server = await HostileServer.start(prosodyLike(said))
      gateway = await startGateway({
        // So that garbage is not taken for what is kept.
        env: { NODE_OPTIONS: '--max-old-space-size=64' },
        config: {
          xmpp: { service: server.service, domain: COMPONENT, secret: 'secret', sources },
          domains: { [DOMAIN]: { publish: 'details' }, [OTHER]: { publish: 'details' } },
        },
      })
    })
    after(async () => {
      await gateway?.stop()
      await server?.stop()
    })

    it('of which nothing is shown, nothing stored, and nothing kept in memory', async () => {
      const connection = await server.accepted()
      const say = async () => {
        const status = `<show>chat</show><status>${'x'.repeat(1000)}</status>`
        for (const chunk of inChunks(jids.map((jid) => presenceOf(`${jid}/r`, status)))) connection.socket.write(chunk)
        for (const chunk of inChunks(jids.map((jid) => presenceOf(`${jid}/r`, '', 'unavailable'))))
          connection.socket.write(chunk)
        await allTakenIn(connection)
      }
      await say()
      const before = residentMemory(gateway.pid ?? 0)
      await say()
      await say()
      const more = residentMemory(gateway.pid ?? 0) - before
      assert(more <= MORE_MEMORY, `${more} bytes more`)

      for (const answer of await batchStatus(gateway, jids)) assert.equal(answer.error, 'item-not-found')
      assert.equal((await gateway.status(`user0@${of}`)).status, 404)
      const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
      assert(metrics.includes(`presence_gateway_stanzas_dropped_total{reason="${counted}"} ${6 * SENDERS}`), metrics)

      await gateway.shutDown()
      for (const table of OF_USERS) assert.equal(rows(gateway, table), 0, table)
    })
  })
}

function rows(gateway: GatewayProcess, table: string): unknown {
  const database = new Sqlite(join(gateway.directory, 'data', 'gateway.db'), { readonly: true })
  try {
    return database.prepare(`SELECT count(*) FROM ${table}`).pluck().get()
  } finally {
    database.close()
  }
}
