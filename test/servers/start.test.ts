import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { GatewayProcess, startGateway } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'

const messages = (gateway: GatewayProcess) => gateway.logLines.map(({ msg }) => String(msg))

describe('presence-gateway start', function () {
  this.timeout(60_000)
  let server: XmppServer
  const gateways: GatewayProcess[] = []

  before(async () => {
    server = await startProsody({ mode: 'privileged', users: ['alice'] })
  })

  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.stop()
  })

  after(async () => {
    await server?.stop()
  })

  async function started(...args: Parameters<typeof startGateway>): Promise<GatewayProcess> {
    const gateway = await startGateway(...args)
    gateways.push(gateway)
    return gateway
  }

  async function prepared(...args: Parameters<typeof startGateway>): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.prepare(...args)
    gateways.push(gateway)
    return gateway
  }

  const ready = async (gateway: GatewayProcess) => (await fetch(`${gateway.opsUrl}/readyz`)).status === 200

  it('listens, says so in one line, is ready when the link is up, and ends in order', async () => {
    const gateway = await started({ server })
    assert.equal(messages(gateway).filter((message) => message === 'listening').length, 1)
    await until(() => ready(gateway))
    assert.equal(await (await fetch(`${gateway.opsUrl}/healthz`)).text(), 'ok\n')
    const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    for (const name of ['link_up 1', 'users{show="offline"}', 'users_by_freshness{freshness="live"}']) {
      assert.ok(metrics.includes(`presence_gateway_${name}`), name)
    }
    assert.match(metrics, /nodejs_eventloop_lag_p99_seconds/)
    const exit = await gateway.shutDown()
    assert.equal(exit?.code, 0)
  })

  it('refuses a data directory in use, naming the process', async () => {
    const first = await started({ server })
    const directory = join(first.directory, 'data')
    const second = await prepared({ server, config: { storage: { directory }, xmpp: { domain: 'other.localhost' } } })
    const { code, output } = await second.run('start')
    assert.equal(code, 1)
    assert.match(output, new RegExp(`^presence-gateway: .*in use by process ${first.pid}\n$`))
  })

  it('refuses to be the same component twice, naming the process', async () => {
    const first = await started({ server })
    const second = await prepared({ server })
    const { code, output } = await second.run('start')
    assert.equal(code, 1)
    assert.match(
      output,
      new RegExp(`^presence-gateway: process ${first.pid} is the component presence\\.localhost .*\n$`),
    )
  })

  it('says in one line that a port is taken', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    try {
      const http = await (await prepared({ server, config: { http: { port } } })).run('start')
      assert.deepEqual(
        [http.code, http.output],
        [1, `presence-gateway: 127.0.0.1:${port} is taken by another process\n`],
      )
      const ops = await (await prepared({ server, config: { ops: { listen: `127.0.0.1:${port}` } } })).run('start')
      assert.equal(ops.code, 1)
      assert.match(ops.output, /^presence-gateway: ops\.listen: .* is taken by another process\n$/)
    } finally {
      taken.close()
    }
  })

  it('names every fault of its configuration', async () => {
    const config = { http: { port: 99999 }, xmpp: { servce: 'x', staleAfter: 'soon' }, domains: { 'a b': {} } }
    const { code, output } = await (await prepared({ server, config })).run('start')
    assert.equal(code, 2)
    for (const key of ['http.port', 'xmpp.servce', 'xmpp.staleAfter', 'domains']) {
      assert.ok(output.includes(`presence-gateway: ${key}: `), `${key} in ${output}`)
    }
    assert.equal(output.trim().split('\n').length, 4)
  })

  it('keeps trying with a wrong secret, says so once, and answers all the while', async () => {
    const gateway = await started({ server, config: { xmpp: { secret: 'wrong' } } })
    await until(() => messages(gateway).some((message) => message.includes('xmpp.secret')))
    assert.equal(await ready(gateway), false)
    assert.equal((await gateway.status('alice@localhost')).status, 404)
    assert.equal(messages(gateway).filter((message) => message.includes('xmpp.secret')).length, 1)
  })

  it('waits for a server that is not there yet', async () => {
    const [port = 0] = await freePorts(1)
    const gateway = await started({ server, config: { xmpp: { service: `xmpp://127.0.0.1:${port}` } } })
    await until(() => messages(gateway).some((message) => message.includes('nothing listens at')))
    assert.match(await (await fetch(`${gateway.opsUrl}/readyz`)).text(), /ECONNREFUSED/)
  })

  it('refuses a database that is none, and leaves it as it is', async () => {
    const gateway = await prepared({ server })
    await gateway.start()
    await gateway.shutDown()
    await writeFile(join(gateway.directory, 'data', 'gateway.db'), 'this is no database at all, sorry'.repeat(100))
    const { code, output } = await gateway.run('start')
    assert.equal(code, 1)
    assert.match(output, /gateway\.db: this is no database, or a damaged one/)
  })
})
