import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { PASSWORD } from '../support/password.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'

/** Signed by itself. */
async function certificate(directory: string, domain: string): Promise<string> {
  const file = join(directory, `${domain}.pem`)
  const key = join(directory, `${domain}.key`)
  const name = ['-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', file])
  return file
}

describe('A gateway with a plain account and TLS', function () {
  this.timeout(60_000)
  let directory: string
  let server: XmppServer
  let own: string
  const gateways: GatewayProcess[] = []

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'certificates-'))
    own = await certificate(directory, 'localhost')
    const other = await certificate(directory, 'other.localhost')
    const ssl = (file: string) => `ssl = { certificate = "${file}"; key = "${file.replace('.pem', '.key')}" }`
    const extraConfig = `modules_enabled = { "roster", "saslauth", "disco", "tls" }\nc2s_require_encryption = true\n`
    // The second host shows the certificate of another.
    server = await startProsody({
      mode: 'none',
      domains: ['localhost'],
      users: ['robot'],
      extraConfig: `${extraConfig}${ssl(own)}\nVirtualHost "wrong.localhost"\n${ssl(other)}`,
    })
    await server.register('robot', PASSWORD, 'wrong.localhost')
  })

  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.stop()
  })

  after(async () => {
    await server?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  /** `host`: 127.1 is this machine, too, but is not taken for it. */
  async function start(host: string, domain: string, env: Record<string, string> = {}): Promise<GatewayProcess> {
    const xmpp = { connection: 'account', service: `xmpp://${host}:${server.c2sPort}`, jid: `robot@${domain}` }
    const gateway = await startGateway({ config: { xmpp: { ...xmpp, password: PASSWORD } }, env })
    gateways.push(gateway)
    return gateway
  }

  const logged = (gateway: GatewayProcess, pattern: RegExp) =>
    until(() => gateway.logLines.find(({ msg }) => pattern.test(String(msg))), 10_000, String(pattern))

  it('logs in where the certificate is for the domain of the account, by an authority that it trusts', async () => {
    const gateway = await start('127.1', 'localhost', { NODE_EXTRA_CA_CERTS: own })
    assert.equal((await logged(gateway, /^link up$/)).tls, true)
    await logged(gateway, /^roster fetched$/)
    const { code, output } = await gateway.run('check')
    assert.equal(code, 0, output)
    assert.match(output, /takes us as robot@localhost, over TLS/)
  })

  it('refuses a certificate that nobody signed but itself', async () => {
    const line = await logged(await start('127.1', 'localhost'), /NODE_EXTRA_CA_CERTS/)
    assert.match(String(line.msg), /SELF_SIGNED/)
  })

  it('refuses a certificate for another domain', async () => {
    const trusted = { NODE_EXTRA_CA_CERTS: join(directory, 'other.localhost.pem') }
    const line = await logged(await start('127.1', 'wrong.localhost', trusted), /NODE_EXTRA_CA_CERTS/)
    assert.match(String(line.msg), /ERR_TLS_CERT_ALTNAME_INVALID/)
  })

  it('asks for no certificate on this machine, where the server insists on TLS', async () => {
    assert.equal((await logged(await start('127.0.0.1', 'localhost'), /^link up$/)).tls, true)
  })
})
