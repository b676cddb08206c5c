import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { chownSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { tablesOf } from '../contract/contract.js'
import { Child } from '../support/child.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { startProsody } from '../support/prosody.js'
import { REPOSITORY } from '../support/repository.js'
import { until } from '../support/until.js'
import { XmppUser } from '../support/xmpp-user.js'
import { startCli } from './cli.js'
import { controlOf, manyth, publishing } from './publishing.js'

const ROUNDS = 4
const OTHER_USER = 12_345
const NO_SERVER = {
  config: { domains: { 'example.org': null }, xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:1' } },
}

describe('backup and restore', () => {
  it('give back what was known when the backup began, under constant writes, and as stale', async () => {
    const server = await startProsody({ mode: 'privileged', users: ['alice'] })
    const gateway = await GatewayProcess.prepare({ server })
    let alice: XmppUser | undefined
    try {
      await gateway.start()
      alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
      await alice.setPresence({ show: 'away', status: 'lunch' })
      await gateway.untilStatus(alice.jid, ({ body }) => body.includes('lunch'))
      const writing = constantWrites(gateway, alice)
      await until(() => writing.acknowledged > 20)
      const backup = join(gateway.directory, 'backup.db')
      const known = writing.acknowledged
      const { code, output } = await gateway.run('backup', backup)
      assert.deepEqual({ code, output }, { code: 0, output: `${backup} holds everything in ${dataOf(gateway)}\n` })
      assert.equal(statSync(backup).mode & 0o777, 0o600)
      await until(() => writing.acknowledged > known + 20)
      await writing.stop()
      await controlOf(gateway).publish('late@localhost', 'status')
      assert(!gateway.logLines.some(({ msg }) => String(msg).startsWith('storing')))
      alice.dieSilently()
      await server.stop()
      await gateway.kill9()
      const restored = await gateway.run('restore', backup, '--force')
      assert.equal(restored.code, 0, restored.output)
      assert.match(restored.output, /holds what .*backup\.db held\nthe database before is kept as .*before-restore-/)
      await gateway.start()
      const status = await gateway.status(alice.jid)
      assert.match(status.body, /<show>away<\/show><status>\d+ things<\/status><query xmlns="jabber:iq:last" seconds/)
      assert.equal(status.headers.get('presence-freshness'), 'stale')
      for (let n = 1; n <= known; n++) assert.equal(choiceOf(gateway, `u${n}@localhost`), 'none')
      assert.equal(choiceOf(gateway, 'late@localhost'), undefined)
    } finally {
      alice?.dieSilently()
      await gateway.stop()
      await server.stop()
    }
  })

  describe('of a gateway that does not run', () => {
    let gateway: GatewayProcess
    let backup: string
    beforeEach(async () => {
      gateway = await GatewayProcess.prepare(NO_SERVER)
      backup = join(gateway.directory, 'backup.db')
      publishing(dataOf(gateway), 3)
    })
    afterEach(() => gateway.stop())

    const refused = async (says: RegExp | string, ...args: [string, ...string[]]) => {
      const { code, output } = await gateway.run(...args)
      assert.equal(code, 1, output)
      if (typeof says === 'string') assert.equal(output, `presence-gateway: ${says}\n`)
      else assert.match(output, says)
    }
    const done = async (...args: [string, ...string[]]) => {
      const { code, output } = await gateway.run(...args)
      assert.equal(code, 0, output)
    }

    it('hold everything, secrets, too, also in a folder where nothing was', async () => {
      await gateway.start()
      await gateway.shutDown()
      // What apps have heard since a backup is numbered anew after it, so its log begins another epoch.
      const all = () => ({ ...tablesOf(dataOf(gateway)), change_log: [] })
      const before: ReturnType<typeof tablesOf> = all()
      assert.notEqual(before.secret?.length, 0)
      await done('backup', backup)
      rmSync(dataOf(gateway), { recursive: true })
      await done('restore', backup)
      assert.deepEqual(all(), before)
    })

    it('overwrite nothing unless forced, and keep what was replaced', async () => {
      await done('backup', backup)
      await refused(`${backup} is there already: --force overwrites it`, 'backup', backup)
      await done('backup', backup, '--force')
      const file = join(dataOf(gateway), 'gateway.db')
      const why = `${file} is there already: --force replaces it, and keeps it beside the new one`
      await refused(why, 'restore', backup)
      await gateway.start()
      await controlOf(gateway).publish('late@example.org', 'status')
      await gateway.kill9()
      await done('restore', backup, '--force')
      assert.equal(choiceOf(gateway, 'late@example.org'), undefined)
      const kept = readdirSync(dataOf(gateway)).find((name) => name.includes('before-restore')) ?? ''
      await done('restore', join(dataOf(gateway), kept), '--force')
      assert.equal(choiceOf(gateway, 'late@example.org'), 'status')
    })

    it('say where a backup cannot be, and leave nothing there', async () => {
      const { directory } = gateway
      const data = dataOf(gateway)
      for (const file of [join(data, 'gateway.db'), join(data, 'x.db')]) {
        await refused(`${file} is in ${data}: a backup belongs elsewhere`, 'backup', file, '--force')
      }
      await refused(`${directory}/none/x.db: there is no folder ${directory}/none`, 'backup', `${directory}/none/x.db`)
      await refused(/cannot be a file: a folder is in the way/, 'backup', data, '--force')
      const main = join(REPOSITORY, 'build', 'src', 'main.js')
      const args = [process.execPath, main, 'backup', backup, '--config', gateway.configFile]
      const full = new Child('prlimit', ['--fsize=4096', ...args], { missing: 'prlimit is missing' })
      assert.equal((await full.exited).code, 1)
      assert.match(full.output, /gateway\.db cannot be copied to .*: the disk cannot be written; is it full\?/)
      assert.deepEqual(readdirSync(directory).sort(), ['data', 'gateway.yaml'])
      rmSync(data, { recursive: true })
      await refused(`there is no database in ${data}: is storage.directory right?`, 'backup', backup)
    })

    it('refuse what is no backup, in one line', async () => {
      await refused(`there is no file ${backup}`, 'restore', backup, '--force')
      await refused(`${gateway.configFile} is no database`, 'restore', gateway.configFile, '--force')
      assert.equal(choiceOf(gateway, manyth(2)), 'status')
    })

    it('leave the folder to its owner when root was refused, so that the gateway starts', async () => {
      const isRoot = process.getuid?.() === 0
      if (isRoot) chownSync(dataOf(gateway), OTHER_USER, OTHER_USER)
      const owner = isRoot ? OTHER_USER : process.getuid?.()
      await refused(`there is no file ${backup}`, 'restore', backup, '--force')
      for (const name of ['gateway.lock', 'gateway.pid']) {
        assert.equal(statSync(join(dataOf(gateway), name)).uid, owner, name)
      }
    })

    it('refuse to restore while the gateway runs, naming the process', async () => {
      await done('backup', backup)
      await gateway.start()
      const why = `${dataOf(gateway)} is in use by process ${gateway.pid}`
      await refused(why, 'restore', backup, '--force')
    })

    it('put a damaged database aside', async () => {
      await done('backup', backup)
      const file = join(dataOf(gateway), 'gateway.db')
      writeFileSync(file, 'nonsense')
      await refused(/this is no database, or a damaged one; restore a backup/, 'backup', backup, '--force')
      await done('restore', backup, '--force')
      assert.equal(choiceOf(gateway, manyth(2)), 'status')
      const kept = readdirSync(dataOf(gateway)).find((name) => name.includes('before-restore')) ?? ''
      assert.equal(readFileSync(join(dataOf(gateway), kept), 'utf8'), 'nonsense')
    })

    it('leave the old or the new, whole, when killed at any moment', async () => {
      const users = 100_000
      publishing(dataOf(gateway), users)
      const killed = async (command: string, until: () => boolean) => {
        const child = startCli([command, backup, '--force', '--config', gateway.configFile])
        while (child.exit === undefined && !until()) await sleep(1)
        await sleep(randomInt(60))
        await child.kill()
      }
      const written = (directory: string, suffix: RegExp) => () =>
        readdirSync(directory).some((name) => suffix.test(name) && statSync(join(directory, name)).size > 0)
      for (let round = 0; round < ROUNDS; round++) {
        await killed('backup', written(gateway.directory, /\.tmp$/))
        assert.equal(countIn(join(dataOf(gateway), 'gateway.db')), users)
        if (existsSync(backup)) assert.equal(countIn(backup), users)
        for (const name of readdirSync(gateway.directory)) if (/\.tmp/.test(name)) rmSync(join(gateway.directory, name))
      }
      rmSync(backup, { force: true })
      await done('backup', backup)
      const outcomes = new Set<number>()
      for (let round = 0; round < ROUNDS; round++) {
        const file = join(dataOf(gateway), 'gateway.db')
        sqlite(file, `PRAGMA journal_mode = WAL; DELETE FROM publication WHERE user = '${manyth(7)}'`)
        await killed('restore', written(dataOf(gateway), /restoring$/))
        const found = countIn(file)
        assert(found === users || found === users - 1, `${found} of ${users}`)
        outcomes.add(found)
      }
      await done('restore', backup, '--force')
      assert.equal(countIn(join(dataOf(gateway), 'gateway.db')), users)
      assert(!existsSync(join(dataOf(gateway), 'gateway.db.restoring')))
    }).timeout(60_000)
  })
})

function dataOf(gateway: GatewayProcess): string {
  return join(gateway.directory, 'data')
}

/** Users choose, and alice changes her text, until it is stopped. */
function constantWrites(gateway: GatewayProcess, alice: XmppUser) {
  const control = controlOf(gateway)
  let stopped = false
  const writing = { acknowledged: 0, stop }
  const running = (async () => {
    for (let n = 1; !stopped; n++) {
      await alice.setPresence({ show: 'away', status: `${n} things` })
      await control.publish(`u${n}@localhost`, 'none')
      writing.acknowledged = n
    }
  })()
  async function stop() {
    stopped = true
    await running
  }
  return writing
}

function choiceOf(gateway: GatewayProcess, user: string): unknown {
  const rows = tablesOf(dataOf(gateway)).publication as { user: string; choice: string }[]
  return rows.find((row) => row.user === user)?.choice
}

function sqlite(file: string, sql: string): void {
  const database = new Sqlite(file)
  try {
    database.exec(sql)
  } finally {
    database.close()
  }
}

/** How many have chosen, in a database that is whole. */
function countIn(file: string): number {
  const database = new Sqlite(file)
  try {
    assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
    return Number(database.prepare('SELECT count(*) FROM publication').pluck().get())
  } finally {
    database.close()
  }
}
