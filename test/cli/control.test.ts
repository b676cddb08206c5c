import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Child } from '../support/child.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'
import { cli, startCli, startInTerminal } from './cli.js'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

describe('a running gateway', () => {
  let server: XmppServer
  let gateway: GatewayProcess
  let alice: XmppUser

  before(async () => {
    server = await startProsody({ mode: 'privileged', users: ['alice', 'bob'] })
  })
  after(() => server.stop())

  beforeEach(async () => {
    gateway = await startGateway({ server, config: { domains: { localhost: { publish: 'status' } } } })
    alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
    await alice.setPresence({ show: 'away', status: 'lunch' })
    await gateway.untilStatus(alice.jid, ({ body }) => body.includes('<show>away</show>'))
  })
  afterEach(async () => {
    alice.dieSilently()
    await gateway.stop()
  })

  describe('presence-gateway publish', () => {
    it('sets what the web may see, at once', async () => {
      for (const [choice, line, fits] of [
        [
          'details',
          'alice@localhost publishes details (everybody on the web sees her status and its text)',
          '<status>lunch',
        ],
        ['none', 'alice@localhost publishes none (nobody on the web sees her status)', 'item-not-found'],
        [
          'domain',
          'alice@localhost publishes as her domain: status (everybody on the web sees her status, not its text)',
          '</show><query',
        ],
      ] as const) {
        assert.deepEqual(await gateway.run('publish', alice.jid, choice), { code: 0, output: `${line}\n` })
        const { body } = await gateway.status(alice.jid)
        assert.ok(body.includes(fits), body)
      }
    })

    it('keeps it', async () => {
      await gateway.run('publish', alice.jid, 'none')
      await gateway.kill9()
      await gateway.start()
      assert.equal((await gateway.status(alice.jid)).status, 404)
    })

    it('refuses a user of another domain', async () => {
      const { code, output } = await gateway.run('publish', 'alice@elsewhere.example', 'none')
      assert.equal(code, 1)
      assert.equal(output, 'presence-gateway: elsewhere.example is not among the configured domains\n')
    })
  })

  describe('presence-gateway subscribe', () => {
    it('asks each, and says of whom it could not', async () => {
      const { code, output } = await gateway.run('subscribe', 'bob@localhost', 'bob@elsewhere.example')
      assert.equal(code, 1)
      assert.match(output, /^bob@localhost: asked; she accepts in her XMPP client$/m)
      assert.match(
        output,
        /^presence-gateway: bob@elsewhere\.example: elsewhere\.example is not among the configured domains$/m,
      )
    })
  })

  describe('presence-gateway status', () => {
    it('asks the gateway of a configuration, or of a URL', async () => {
      const { code, output } = await cli(['status', alice.jid, '--url', gateway.url])
      assert.equal(code, 0)
      assert.match(output, /^jid {8}alice@localhost\nshow {7}away\nlast {7}\d+ s ago, .*\nfreshness {2}live\n$/)
      const unknown = await cli(['status', 'nobody@localhost', '--url', gateway.url])
      assert.equal(unknown.code, 1)
      assert.match(unknown.output, /not found/)
    })
  })

  describe('presence-gateway watch', () => {
    let watch: Child
    afterEach(() => watch.kill())

    it('prints who is known and then each change, a line each, where there is no terminal', async () => {
      const lines: string[] = []
      watch = startCli(['watch', '--config', gateway.configFile], { onLine: (line) => lines.push(line) })
      await until(() => lines.length > 0)
      assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z\talice@localhost\taway\tlive\tlunch$/)
      await alice.setPresence({ show: 'dnd', status: 'tab\there\nand there \u009b31m' })
      await until(() => lines.length > 1)
      assert.equal(lines[1]?.split('\t').slice(1).join('|'), 'alice@localhost|dnd|live|tab␉here␊and there \ufffd31m')
      watch.signal('SIGTERM')
      assert.deepEqual(await watch.exited, { code: 0, signal: null })
    })

    it('says so when the gateway goes', async () => {
      for (const how of ['shutDown', 'kill9'] as const) {
        if (how === 'kill9') await gateway.start()
        const lines: string[] = []
        watch = startCli(['watch', '--config', gateway.configFile], { onLine: (line) => lines.push(line) })
        await until(() => lines.length > 0)
        await gateway[how]()
        assert.equal((await watch.exited).code, 1)
        assert.match(watch.output, /^presence-gateway: the gateway has gone$/m)
      }
    })

    it('draws a table that follows, and gives the terminal back', async () => {
      watch = startInTerminal(['watch', '--config', gateway.configFile], { rows: 10, columns: 60 })
      await until(() => watch.output.includes('alice@localhost'))
      assert.ok(watch.output.includes(ENTER))
      assert.match(watch.output, /1 away/)
      await alice.setPresence({ show: 'chat', status: '👩‍👩‍👧 \u009b31m here' })
      await until(() => watch.output.includes('1 chat'))
      assert.doesNotMatch(watch.output, /\u009b/)
      assert.ok(!watch.output.includes(LEAVE))
      const pid = Number(/pid=(\d+)/.exec(watch.output)?.[1])
      process.kill(pid, 'SIGINT')
      assert.equal((await watch.exited).code, 0)
      assert.ok(watch.output.trimEnd().endsWith(LEAVE), JSON.stringify(watch.output.slice(-200)))
    })

    it('gives the terminal back when the gateway goes, and says so below', async () => {
      watch = startInTerminal(['watch', '--config', gateway.configFile], { rows: 10, columns: 60 })
      await until(() => watch.output.includes('alice@localhost'))
      await gateway.kill9()
      assert.equal((await watch.exited).code, 1)
      assert.match(watch.output.slice(watch.output.lastIndexOf(LEAVE)), /presence-gateway: the gateway has gone/)
    })

    it('says that the link is lost, and what of it', async () => {
      watch = startInTerminal(['watch', '--config', gateway.configFile], { rows: 10, columns: 120 })
      await until(() => watch.output.includes('alice@localhost'))
      await server.kill()
      await until(() => watch.output.includes('NO LINK: '), 10_000)
      await until(() => watch.output.includes('away?'), 10_000)
      await server.start()
    }).timeout(40_000)
  })
})

describe('where no gateway runs', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cli-'))
  })
  after(() => rm(directory, { recursive: true, force: true }))

  for (const args of [
    ['publish', 'alice@localhost', 'none'],
    ['subscribe', 'alice@localhost', 'bob@localhost'],
    ['watch'],
  ]) {
    it(`${args[0]} says so, in one line`, async () => {
      const env = { GATEWAY_XMPP_SECRET: 'x', GATEWAY_STORAGE_DIRECTORY: directory }
      const config = ['--config', '/dev/null']
      const { code, output } = await cli([...args, ...config], { env })
      assert.equal(code, 1)
      assert.equal(output, `presence-gateway: no gateway runs on ${directory}: start it first\n`)
    })
  }
})
