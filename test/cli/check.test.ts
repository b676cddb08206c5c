import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { ComponentLink } from '../support/component-link.js'
import { startEjabberd } from '../support/ejabberd.js'
import { GatewayProcess, startGateway } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import { answering, WebApp } from '../support/web-app.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

interface Check {
  readonly code: number | null
  readonly lines: string[]
  readonly output: string
  readonly tookMs: number
}

/** `check` with this configuration over the one for the server. */
async function check(
  config: Record<string, unknown>,
  server?: XmppServer,
  setUp?: (at: GatewayProcess) => Promise<void>,
) {
  const gateway = await GatewayProcess.prepare({ config, ...(server && { server }) })
  try {
    await chmod(gateway.configFile, 0o600)
    await setUp?.(gateway)
    return await checkOf(gateway)
  } finally {
    await rm(gateway.directory, { recursive: true, force: true })
  }
}

async function checkOf(gateway: GatewayProcess): Promise<Check> {
  const began = performance.now()
  const { code, output } = await gateway.run('check')
  return { code, output, lines: output.trimEnd().split('\n'), tookMs: performance.now() - began }
}

function failures({ lines }: Check): string[] {
  return lines.filter((line) => line.startsWith('FAIL'))
}

function assertOneFailure(result: Check, pattern: RegExp): void {
  assert.equal(result.code, 1, result.output)
  const [first, ...more] = failures(result)
  assert.match(first ?? '', pattern, result.output)
  assert.deepEqual(more, [], result.output)
  assert.ok(result.tookMs < 15_000)
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('presence-gateway check', () => {
  describe('without a server', () => {
    const link = (port: number | undefined) => ({ xmpp: { service: `xmpp://127.0.0.1:${port}`, secret: 'x' } })

    it('says that nothing listens', async () => {
      const [port] = await freePorts(1)
      assertOneFailure(
        await check(link(port)),
        /^FAIL link: nothing listens at xmpp:\/\/127\.0\.0\.1:\d+: start the XMPP server/,
      )
    })

    it('says that there is no such host', async () => {
      const result = await check({ xmpp: { service: 'xmpp://no-such-host.invalid:5347', secret: 'x' } })
      assertOneFailure(result, /^FAIL link: the host name in .* cannot be resolved: mend xmpp.service/)
    })

    it('gives up on one that never answers', async () => {
      const silent = createServer()
      assertOneFailure(
        await check(link(await listening(silent))),
        /^FAIL link: .* does not speak as a component port does/,
      )
      silent.close()
    })

    it('knows a web server when it meets one', async () => {
      const web = createHttpServer()
      assertOneFailure(
        await check(link(await listening(web))),
        /^FAIL link: .* does not speak as a component port does/,
      )
      web.close()
    })

    it('says everything that is wrong at once: ports, storage, link', async () => {
      const [port] = await freePorts(1)
      const taken = createServer()
      const busy = await listening(taken)
      const config = { ...link(port), http: { port: busy }, ops: { listen: `127.0.0.1:${busy}` } }
      const result = await check(config, undefined, async ({ directory }) => writeFile(join(directory, 'data'), ''))
      taken.close()
      assert.equal(result.code, 1)
      assert.deepEqual(
        failures(result).map((line) => line.split(':')[0]),
        ['FAIL storage', 'FAIL http', 'FAIL ops', 'FAIL link'],
      )
      assert.match(
        result.output,
        new RegExp(`FAIL http: 127.0.0.1:${busy} is taken by another process: free it, or mend`),
      )
      assert.equal(result.lines.at(-1), '4 to mend.')
    })

    it('notices that http and ops want the same port', async () => {
      const [port, none] = await freePorts(2)
      const result = await check({ ...link(none), http: { port }, ops: { listen: `127.0.0.1:${port}` } })
      assert.ok(failures(result).some((line) => line.startsWith(`FAIL ops: 127.0.0.1:${port} is taken`)))
    })

    it('says that a database is damaged', async () => {
      const result = await check(link(1), undefined, async ({ directory }) => {
        await mkdir(join(directory, 'data'))
        await writeFile(join(directory, 'data', 'gateway.db'), 'no database at all, but a text of some length')
      })
      assert.match(failures(result)[0] ?? '', /^FAIL storage: .*gateway\.db: this is no database, or a damaged one/)
    })

    it('asks each web app that has rosters for those of nobody', async () => {
      const app = new WebApp()
      await app.start()
      app.behaviours.set('good', answering({}))
      app.behaviours.set('secret', (_request, response) => void response.writeHead(401).end())
      app.behaviours.set('strict', (_request, response) => void response.writeHead(500).end())
      app.behaviours.set('html', answering('<html>'))
      const sites = ['good', 'unknown', 'secret', 'strict', 'html'].map((site) => [site, `${app.url}/${site}/%s`])
      const [port] = await freePorts(1)
      const domains = [...sites, ['down', `http://user:password@127.0.0.1:${port}/%s`]].map(([site, upstream]) => [
        `${site}.example`,
        { roster: { upstream } },
      ])
      const { lines } = await check({ ...link(port), domains: Object.fromEntries(domains) })
      await app.stop()
      const host = app.url.slice('http://'.length)
      assert.deepEqual(
        lines.filter((line) => line.includes('upstream')),
        [
          `ok   upstream good.example: ${host} answers`,
          `ok   upstream unknown.example: ${host} answers`,
          `FAIL upstream secret.example: ${host}: it answers 401: put the user and password that it wants into the URL`,
          `warn upstream strict.example: ${host}: it answers 500 for presence-gateway-check, whom nobody is; it should answer {} or 404`,
          `FAIL upstream html.example: ${host}: its answer is HTML or XML`,
          `FAIL upstream down.example: 127.0.0.1:${port}: it refuses the connection`,
        ],
      )
    })

    it('leaves nothing behind', async () => {
      let before: string[] = []
      let gateway: GatewayProcess | undefined
      const look = async () => readdir(gateway?.directory ?? '', { recursive: true })
      gateway = await GatewayProcess.prepare({ config: link(1) })
      before = await look()
      await checkOf(gateway)
      assert.deepEqual(await look(), before)
      await mkdir(join(gateway.directory, 'data'))
      before = await look()
      await checkOf(gateway)
      assert.deepEqual(await look(), before)
      await rm(gateway.directory, { recursive: true })
    })

    it('warns of a secret that everybody may read', async () => {
      const result = await check(link(1), undefined, async ({ configFile }) => chmod(configFile, 0o644))
      assert.ok(
        result.lines.some((line) => /^warn config: .* chmod o-r /.test(line)),
        result.output,
      )
    })
  })

  describe('on Prosody', () => {
    let server: XmppServer
    before(async () => {
      server = await startProsody({ mode: 'privileged', users: ['alice'] })
    })
    after(() => server.stop())

    it('finds all well', async () => {
      const result = await check({}, server)
      assert.equal(result.code, 0, result.output)
      for (const [index, line] of [
        /^ok {3}config: .* serves localhost \(publish: details\)$/,
        /^ok {3}pages: people sign in at http:\/\/localhost:8080 only \(http\.publicUrl\)$/,
        /^ok {3}storage: .* will be made by the first start$/,
        /^ok {3}http: 127.0.0.1 has a free port$/,
        /^ok {3}ops: 127.0.0.1 has a free port$/,
        /^ok {3}link: xmpp:.* takes us as presence.localhost$/,
        /^ok {3}domain localhost: its server is Prosody$/,
        /^ok {3}privilege localhost: the gateway sees every user$/,
        /^All is well\.$/,
      ].entries()) {
        assert.match(result.lines[index] ?? '', line)
      }
      assert.equal(result.lines.length, 9)
    })

    it('says that the secret is wrong', async () => {
      assertOneFailure(
        await check({ xmpp: { secret: 'wrong' } }, server),
        /^FAIL link: .* refuses us: xmpp\.domain \(presence\.localhost\) and xmpp\.secret must be/,
      )
    })

    it('says that there is no such component', async () => {
      const result = await check({ xmpp: { domain: 'nobody.localhost' } }, server)
      assertOneFailure(result, /^FAIL link: .* knows no component nobody\.localhost: add it/)
    })

    it('says that this is the port for clients', async () => {
      const result = await check({ xmpp: { service: `xmpp://127.0.0.1:${server.c2sPort}` } }, server)
      assert.equal(result.code, 1)
      assert.match(failures(result)[0] ?? '', /^FAIL link: /)
    })

    it('says that another process is that component, where the server keeps the first one', async () => {
      const first = await startProsody({
        mode: 'none',
        extraConfig: 'Component "presence.localhost"\n  component_secret = "component-secret"',
      })
      const { componentPort: port, componentDomain: domain, secret } = first
      const other = await until(() => ComponentLink.open({ port, domain, secret }))
      try {
        assertOneFailure(
          await check({}, first),
          /^FAIL link: another process is connected as presence\.localhost: stop that one/,
        )
      } finally {
        other.close()
        await first.stop()
      }
    })

    it('says which domain the server does not have', async () => {
      const result = await check({ domains: { localhost: {}, 'elsewhere.example': {} } }, server)
      assertOneFailure(
        result,
        /^FAIL domain elsewhere\.example: the server does not answer for it \(.+\): add it there, or take it/,
      )
      assert.ok(result.lines.includes('ok   privilege localhost: the gateway sees every user'))
    })

    it('says that the API is not there', async () => {
      const [port] = await freePorts(1)
      const result = await check({ xmpp: { ejabberdApi: `http://me:secret@127.0.0.1:${port}/api` } }, server)
      assertOneFailure(
        result,
        /^FAIL ejabberd API: .* is not reachable: ECONNREFUSED: mend xmpp\.ejabberdApi, or open it/,
      )
      assert.doesNotMatch(result.output, /secret@/)
    })

    it('asks the gateway that runs, and opens no second link', async () => {
      const gateway = await startGateway({ server })
      try {
        await until(() => gateway.logLines.some(({ msg }) => msg === 'server identified'))
        const result = await checkOf(gateway)
        assert.equal(result.code, 0, result.output)
        assert.ok(result.lines.includes(`ok   gateway: runs as process ${gateway.pid}, and was asked`))
        assert.ok(result.lines.includes(`ok   http: answers at ${gateway.url}`))
        assert.ok(result.lines.includes('ok   privilege localhost: the gateway sees every user'))
        assert.ok(gateway.logLines.every(({ msg }) => msg !== 'link lost'))
        await server.shutDown()
        const lost = await until(async () => {
          const found = await checkOf(gateway)
          return found.code === 1 && found
        })
        assertOneFailure(lost, /^FAIL link: /)
        await server.start()
      } finally {
        await gateway.stop()
      }
    }).timeout(40_000)

    it('opens no second link beside a gateway with another data directory', async () => {
      const gateway = await startGateway({ server })
      try {
        assertOneFailure(
          await check({}, server),
          new RegExp(
            `^FAIL link: process ${gateway.pid} is the component presence\\.localhost of .* already: stop that one`,
          ),
        )
      } finally {
        await gateway.stop()
      }
    })
  })

  describe('of rosters', () => {
    const tokens = { roster: { tokens: ['token'] } }
    const rosters = ({ lines }: Check) => lines.filter((line) => / rosters localhost: /.test(line))

    it('proves on Prosody that they can be written by privilege, whether or not the gateway runs', async () => {
      const server = await startProsody({ mode: 'privileged', rosterPrivilege: 'both' })
      const gateway = await startGateway({ server, config: tokens })
      try {
        const proven = [
          'ok   rosters localhost: the gateway writes them by privilege (XEP-0356): tried on an account that nobody has',
        ]
        await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok)
        assert.deepEqual(rosters(await checkOf(gateway)), proven)
        await gateway.shutDown()
        assert.deepEqual(rosters(await checkOf(gateway)), proven)
      } finally {
        await gateway.stop()
        await server.stop()
      }
    }).timeout(30_000)

    it('says on ejabberd that it announces what it cannot do', async () => {
      const server = await startEjabberd({ mode: 'subscription', rosters: 'both' })
      try {
        const [line, ...more] = rosters(await check(tokens, server))
        assert.match(
          line ?? '',
          /^warn .* may write them, and then fails \(internal-server-error\): ejabberd 23\.01 does/,
        )
        assert.deepEqual(more, [])
      } finally {
        await server.stop()
      }
    }).timeout(30_000)

    it('says what to do where nothing brings changes to clients, and nothing where nobody can make any', async () => {
      const server = await startProsody({ mode: 'privileged' })
      try {
        const result = await check(tokens, server)
        assert.equal(result.code, 0)
        const [line] = rosters(result)
        assert.match(
          line ?? '',
          /^warn .*: changes reach no client: set domains\.localhost\.roster\.refreshUrl, .*; else set rosters = "both" in \/.*privileged\.cfg\.lua, or in your copy of it$/,
        )
        assert.deepEqual(rosters(await check({}, server)), [])
        const refreshUrl = 'http://localhost:5280/roster_admin/refresh'
        const module = await check({ ...tokens, domains: { localhost: { roster: { refreshUrl } } } }, server)
        assert.match(rosters(module)[0] ?? '', /^ok .* \(mod_http_roster_admin\), and is told of changes at http:/)
      } finally {
        await server.stop()
      }
    })
  })

  for (const [name, startServer] of [
    ['Prosody', startProsody],
    ['ejabberd', startEjabberd],
  ] as const) {
    describe(`on ${name} without privilege`, () => {
      let server: XmppServer
      before(async () => {
        server = await startServer({ mode: 'subscription', users: ['alice'] })
      })
      after(() => server.stop())

      it('says what to add, or to take out', async () => {
        const result = await check({}, server)
        const file = name === 'Prosody' ? 'privileged\\.cfg\\.lua' : 'ejabberd-privileged\\.yml'
        assertOneFailure(
          result,
          new RegExp(
            `^FAIL privilege localhost: the gateway sees nobody: include /.*/prosody/${file} .*; or take privileged out of xmpp\\.sources$`,
          ),
        )
        const path = /include (\S+)/.exec(failures(result)[0] ?? '')?.[1] ?? ''
        assert.match(await readFile(path, 'utf8'), /managed_entity/)
      })

      it('does not ask for it where it is not wanted', async () => {
        const result = await check({ xmpp: { sources: ['subscription'] } }, server)
        assert.equal(result.code, 0, result.output)
        assert.match(
          result.output,
          /^warn domain localhost: no user lets the gateway see her yet: presence-gateway subscribe/m,
        )
        assert.doesNotMatch(result.output, /privilege/)
      })

      it('counts who has accepted, while the gateway runs and when it does not', async () => {
        const gateway = await startGateway({ server, config: { xmpp: { sources: ['subscription'] } } })
        const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
        try {
          await alice.roster()
          await alice.setPresence()
          await until(() => gateway.logLines.some(({ msg }) => msg === 'server identified'))
          assert.equal(
            (await gateway.run('subscribe', alice.jid)).output,
            'alice@localhost: asked; she accepts in her XMPP client\n',
          )
          await alice.acceptSubscription(server.componentDomain)
          const accepted = 'ok   domain localhost: 1 user has accepted it'
          await until(async () => (await checkOf(gateway)).lines.includes(accepted))
          assert.equal((await gateway.run('subscribe', alice.jid)).output, 'alice@localhost: has accepted already\n')
          await gateway.shutDown()
          const atRest = await checkOf(gateway)
          assert.ok(atRest.lines.includes(accepted), atRest.output)
          assert.equal(atRest.code, 0)
        } finally {
          alice.dieSilently()
          await gateway.stop()
        }
      })
    })
  }

  describe('on ejabberd', () => {
    let server: XmppServer
    before(async () => {
      server = await startEjabberd({ mode: 'privileged', users: ['alice'] })
    })
    after(() => server.stop())

    it('finds all well', async () => {
      const result = await check({}, server)
      assert.equal(result.code, 0, result.output)
      assert.ok(result.lines.includes('ok   domain localhost: its server is ejabberd'))
      assert.ok(result.lines.includes('ok   privilege localhost: the gateway sees every user'))
      assert.ok(result.lines.includes(`ok   ejabberd API: ${server.apiUrl}: 0 online`))
      assert.doesNotMatch(result.output, /^warn/m)
    })

    it('says that another process is that component', async () => {
      const { componentPort: port, componentDomain: domain, secret } = server
      const other = await ComponentLink.open({ port, domain, secret })
      try {
        const result = await check({}, server)
        assert.match(failures(result)[0] ?? '', /^FAIL link: another process is connected as presence\.localhost/)
      } finally {
        other.close()
      }
    })

    it('says what is lost without its API', async () => {
      const result = await check({ xmpp: { ejabberdApi: '' } }, server)
      assert.equal(result.code, 0, result.output)
      assert.match(
        result.output,
        /^warn ejabberd API: without it nobody knows after a restart who is online: set xmpp\.ejabberdApi/m,
      )
    })

    it('says that the API is another', async () => {
      const result = await check({ xmpp: { ejabberdApi: `${server.apiUrl}/nothing` } }, server)
      assertOneFailure(result, /^FAIL ejabberd API: .* answers 400: mend xmpp\.ejabberdApi/)
    })

    for (const [what, xmpp, pattern] of [
      ['the secret is wrong', { secret: 'wrong' }, /refuses us: xmpp\.domain \(presence\.localhost\) and xmpp\.secret/],
      [
        'there is no such component',
        { domain: 'nobody.localhost' },
        /refuses us: xmpp\.domain \(nobody\.localhost\) and xmpp\.secret/,
      ],
    ] as const) {
      it(`says that ${what}`, async () => assertOneFailure(await check({ xmpp }, server), pattern))
    }

    it('says which domain the server does not have', async () => {
      const result = await check({ domains: { localhost: {}, 'elsewhere.example': {} } }, server)
      assertOneFailure(result, /^FAIL domain elsewhere\.example: the server does not answer for it/)
    })
  })
})
