import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cli } from './cli.js'

describe('presence-gateway', () => {
  let cwd: string
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'cli-'))
  })
  after(() => rm(cwd, { recursive: true, force: true }))

  for (const args of [[], ['help'], ['--help'], ['-h']]) {
    it(`names its commands: ${args.join(' ')}`, async () => {
      const { code, lines } = await cli(args)
      assert.equal(code, 0)
      for (const name of ['init', 'check', 'start', 'status', 'watch', 'publish', 'subscribe']) {
        assert.ok(
          lines.some((line) => line.startsWith(`  ${name} `)),
          name,
        )
      }
    })
  }

  it('says its version', async () => {
    for (const flag of ['--version', 'version']) {
      const { code, output } = await cli([flag])
      assert.equal(code, 0)
      assert.match(output, /^\d+\.\d+\.\d+\n$/)
    }
  })

  it('explains each command', async () => {
    for (const name of ['init', 'check', 'start', 'status', 'watch', 'publish', 'subscribe']) {
      for (const args of [
        [name, '--help'],
        ['help', name],
      ]) {
        const { code, lines } = await cli(args)
        assert.equal(code, 0)
        assert.ok(lines[0]?.startsWith(`usage: presence-gateway ${name}`), lines[0])
      }
    }
  })

  for (const [what, args, message] of [
    ['an unknown command', ['fly'], /no command "fly"/],
    ['an unknown option', ['check', '--speed', '9'], /--speed/],
    ['an argument too many', ['check', 'it'], /it/],
    ['status without a JID', ['status'], /takes one JID/],
    ['status of two', ['status', 'a@x', 'b@x'], /takes one JID/],
    ['status of no JID', ['status', 'alice'], /"alice" is not a user's JID/],
    ['status of a resource', ['status', 'alice@x/desk'], /is not a user's JID/],
    ['status at no URL', ['status', 'a@x', '--url', 'example.org'], /"example.org" is not an http/],
    ['status at a URL of another kind', ['status', 'a@x', '--url', 'file:///etc/passwd'], /is not an http/],
    ['publish without a choice', ['publish', 'a@x'], /takes a JID and what to publish/],
    ['publish of no JID', ['publish', 'a', 'none'], /"a" is not a user's JID/],
    ['publish of an unknown choice', ['publish', 'a@x', 'all'], /"all" is not one of none, status, details, domain/],
    ['subscribe without a JID', ['subscribe'], /one JID or more/],
    ['subscribe of no JID among others', ['subscribe', 'a@x', 'b'], /"b" is not a user's JID/],
    ['init for another server', ['init', '--server', 'openfire'], /"openfire" is neither prosody nor ejabberd/],
    ['init for no domain', ['init', '--domain', 'a b'], /"a b" is not a domain/],
    ['init as the domain itself', ['init', '--domain', 'x.org', '--component', 'x.org'], /cannot be both/],
  ] as const) {
    it(`refuses ${what} with exit code 2, one line and the usage`, async () => {
      const { code, lines, output } = await cli(args, { cwd })
      assert.equal(code, 2, output)
      assert.equal(lines.length, 0)
      assert.match(output, message)
      assert.match(output, /^presence-gateway: [^\n]+\nusage: /)
    })
  }

  it('names every fault of a configuration, with exit code 2, whatever the command', async () => {
    const file = join(cwd, 'bad.yaml')
    await writeFile(
      file,
      'http: {port: 99999, colour: red}\nxmpp: {service: "xmp://x", secret: ""}\ndomains: {"a b": {}}\n',
    )
    const commands = [['check'], ['start'], ['watch'], ['publish', 'a@x', 'none'], ['subscribe', 'a@x']]
    for (const args of commands) {
      const { code, output } = await cli([...args, '--config', file])
      assert.equal(code, 2, output)
      const faults = output.trimEnd().split('\n')
      for (const key of ['http.port', 'http.colour', 'xmpp.service', 'domains']) {
        assert.ok(
          faults.some((line) => line.startsWith(`presence-gateway: ${key}: `)),
          `${key} in ${output}`,
        )
      }
    }
  })

  it('says how to get a configuration where there is none', async () => {
    const { code, output } = await cli(['check'], { cwd })
    assert.equal(code, 2)
    assert.equal(output, 'presence-gateway: gateway.yaml: there is no such file; `presence-gateway init` writes one\n')
  })

  it('does not show an escape sequence that a file name or a configuration holds', async () => {
    const file = join(cwd, 'escape.yaml')
    await writeFile(file, 'http: {"\\e[2J": 1}\n')
    await chmod(file, 0o600)
    const { code, output } = await cli(['check', '--config', file])
    assert.equal(code, 2)
    assert.ok(!output.includes('\x1b'))
  })
})
