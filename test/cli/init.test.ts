import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config.js'
import { startEjabberd } from '../support/ejabberd.js'
import { portAccepts } from '../support/port-accepts.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import { type CliOptions, cli } from './cli.js'

describe('presence-gateway init', () => {
  let cwd: string
  beforeEach(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'init-'))
    // ejabberd runs as who runs the tests; nobody else needs to read this.
    await chmod(cwd, 0o700)
  })
  afterEach(() => rm(cwd, { recursive: true, force: true }))

  const init = (...args: string[]) => cli(['init', ...args], { cwd })
  const read = (file = 'gateway.yaml') => readFile(join(cwd, file), 'utf8')

  it('writes a configuration that only its owner may read, with a secret of its own', async () => {
    assert.equal((await init()).code, 0)
    assert.equal((await init('--config', 'other.yaml')).code, 0)
    assert.equal((await stat(join(cwd, 'gateway.yaml'))).mode & 0o777, 0o600)
    const { config, warnings } = loadConfig(join(cwd, 'gateway.yaml'), {})
    assert.deepEqual(warnings, [])
    assert.match(config.xmpp.secret, /^[A-Za-z0-9_-]{43}$/)
    assert.equal(config.xmpp.domain, 'presence.localhost')
    assert.equal(config.xmpp.ejabberdApi, '')
    assert.deepEqual([...config.domains.keys()], ['localhost'])
    assert.equal(config.storage.directory, join(cwd, 'data'))
    assert.match(await read(), /people sign in there only.*\n {2}# publicUrl: "https:/)
    assert.notEqual(parse(await read('other.yaml')).xmpp.secret, config.xmpp.secret)
  })

  it('takes domains, the component and the server', async () => {
    const domains = ['--domain', 'example.org', '--domain', 'Bücher.example', '--domain', 'example.org']
    await init('--server', 'ejabberd', ...domains, '--component', 'web.example.org')
    const { xmpp, domains: served } = loadConfig(join(cwd, 'gateway.yaml'), {}).config
    assert.equal(xmpp.domain, 'web.example.org')
    assert.equal(xmpp.ejabberdApi, 'http://127.0.0.1:5281/api')
    assert.deepEqual([...served.keys()], ['example.org', 'xn--bcher-kva.example'])
    assert.deepEqual(Object.keys(parse(await read()).domains), ['example.org', 'bücher.example'])
  })

  it('writes the configuration of a plain account, but for its password', async () => {
    const { code, output } = await init('--account', 'Robot@Bücher.example')
    assert.equal(code, 0)
    assert.match(output, /password/)
    const { xmpp, domains } = loadConfig(join(cwd, 'gateway.yaml'), { GATEWAY_XMPP_PASSWORD: 'p' }).config
    assert.deepEqual([xmpp.connection, xmpp.jid], ['account', 'Robot@bücher.example'])
    assert.equal(xmpp.service, 'xmpp://xn--bcher-kva.example:5222')
    assert.deepEqual([...domains.keys()], ['xn--bcher-kva.example'])
    assert.equal((await init('--force', '--account', 'robot')).code, 2)
  })

  it('overwrites nothing unless forced', async () => {
    await writeFile(join(cwd, 'gateway.yaml'), 'precious', { mode: 0o644 })
    const refused = await init()
    assert.equal(refused.code, 1)
    assert.equal(refused.output, 'presence-gateway: gateway.yaml is there already: --force overwrites it\n')
    assert.equal(await read(), 'precious')
    assert.equal((await init('--force')).code, 0)
    assert.match(await read(), /secret/)
    assert.equal((await stat(join(cwd, 'gateway.yaml'))).mode & 0o777, 0o600)
  })

  it('says in one line where it cannot write', async () => {
    for (const file of ['no/such/folder.yaml', '.']) {
      const { code, output } = await init('--config', file, '--force')
      assert.equal(code, 1)
      assert.match(output, /^presence-gateway: [^\n]+\n$/)
    }
  })

  it('prints the server its part alone on standard output, and the next commands beside it', async () => {
    for (const server of ['prosody', 'ejabberd']) {
      const { lines, output } = await init('--server', server, '--config', `${server}.yaml`)
      assert.ok(lines.length > 10)
      assert.ok(lines.every((line) => !line.includes('presence-gateway check')))
      assert.ok(output.includes(`presence-gateway check --config ${server}.yaml`))
      assert.ok(output.includes(`presence-gateway start --config ${server}.yaml`))
      assert.ok(lines.join('\n').includes(parse(await read(`${server}.yaml`)).xmpp.secret))
      assert.ok(!lines.join('\n').includes('/path/to'))
    }
  })

  for (const domains of [['localhost'], ['localhost', 'example.org']]) {
    const flags = domains.flatMap((domain) => ['--domain', domain])
    it(`gets Prosody to accept the gateway and let it see ${domains.join(' and ')}`, async () => {
      const { lines } = await init(...flags)
      const server = await startProsody({ mode: 'none', domains, extraConfig: lines.join('\n') })
      try {
        await until(() => portAccepts(server.componentPort))
        await assertWell({ GATEWAY_XMPP_SERVICE: `xmpp://127.0.0.1:${server.componentPort}` }, domains)
      } finally {
        await server.stop()
      }
    })

    it(`gets ejabberd to accept the gateway and let it see ${domains.join(' and ')}`, async () => {
      const [component, api] = await freePorts(2)
      const { lines } = await init('--server', 'ejabberd', ...flags)
      // As printed, but for the ports.
      const snippet = lines.join('\n').replace('port: 5347', `port: ${component}`).replace('port: 5281', `port: ${api}`)
      await mkdir(join(cwd, 'ejabberd'))
      const file = join(cwd, 'ejabberd', 'presence-gateway.yml')
      await writeFile(file, snippet)
      const server = await startEjabberd({ mode: 'none', domains, includes: [file] })
      try {
        await until(() => portAccepts(component ?? 0))
        const env = {
          GATEWAY_XMPP_SERVICE: `xmpp://127.0.0.1:${component}`,
          GATEWAY_XMPP_EJABBERDAPI: `http://127.0.0.1:${api}/api`,
        }
        const { lines: found } = await assertWell(env, domains)
        assert.ok(found.includes(`ok   ejabberd API: http://127.0.0.1:${api}/api: 0 online`))
      } finally {
        await server.stop()
      }
    })
  }

  async function assertWell(env: CliOptions['env'], domains: readonly string[]) {
    const outcome = await cli(['check'], {
      cwd,
      env: { ...env, GATEWAY_HTTP_PORT: '0', GATEWAY_OPS_LISTEN: '127.0.0.1:0' },
    })
    assert.equal(outcome.code, 0, outcome.output)
    for (const domain of domains) {
      assert.ok(outcome.lines.includes(`ok   privilege ${domain}: the gateway sees every user`), outcome.output)
    }
    assert.ok(outcome.lines.every((line) => !line.startsWith('warn') && !line.startsWith('FAIL')))
    return outcome
  }
})
