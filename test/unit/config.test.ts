import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, ConfigError, loadConfig } from '../../src/config.js'
import { temporaryDirectory } from './temporary-directory.js'

const SECONDS = 1000
const MINUTES = 60 * SECONDS
const HOURS = 60 * MINUTES
const DAYS = 24 * HOURS
const KIB = 1024
const SECRET = 'xmpp: { secret: s }\n'

describe('The configuration', () => {
  const directory = temporaryDirectory()
  const file = () => join(directory(), 'gateway.yaml')

  function load(yaml: string, environment: Record<string, string> = {}) {
    writeFileSync(file(), yaml)
    return loadConfig(file(), environment)
  }

  const config = (yaml: string, environment: Record<string, string> = {}): Config => load(yaml, environment).config

  function faults(yaml: string, environment: Record<string, string> = {}): readonly string[] {
    try {
      load(yaml, environment)
    } catch (error) {
      assert(error instanceof ConfigError, String(error))
      assert(error.faults.length > 0)
      assert.equal(new Set(error.faults).size, error.faults.length, 'a fault is told twice')
      return error.faults
    }
    return []
  }

  it('has the defaults of docs/architecture.md', () => {
    const { domains, ...rest } = config(SECRET)
    assert.deepEqual(
      [...domains].map(([name, { publish }]) => [name, publish]),
      [['localhost', 'none']],
    )
    assert.deepEqual(rest, {
      http: { host: '127.0.0.1', port: 8080, publicUrl: 'http://localhost:8080', trustProxy: [] },
      ops: { listen: { host: '127.0.0.1', port: 9090 } },
      xmpp: {
        connection: 'component',
        service: 'xmpp://127.0.0.1:5347',
        domain: 'presence.localhost',
        secret: 's',
        jid: '',
        password: '',
        sources: ['privileged', 'subscription', 'roster'],
        verifyEvery: 15 * MINUTES,
        staleAfter: 15 * MINUTES,
        ejabberdApi: '',
      },
      admins: [],
      storage: { directory: join(directory(), 'data') },
      roster: { tokens: [], injectComponent: true },
      signIn: { domains: 'served' },
      outbound: { allowPrivate: [] },
      limits: {
        stanza: 64 * KIB,
        text: 1024,
        resources: 32,
        forgetAfter: 90 * DAYS,
        batch: 1000,
        changeLog: HOURS,
        changeLogRows: 1_000_000,
        streamsPerApp: 10,
        connectionsPerAddress: 100,
        streamBuffer: KIB * KIB,
        streamLag: 10 * SECONDS,
        frame: 64 * KIB,
        notifications: 100,
        webhookTimeout: 15 * SECONDS,
      },
    })
  })

  it('may be an empty file but for the secret', () => {
    for (const yaml of ['', '# nothing\n', '---\n']) {
      assert.equal(config(yaml, { GATEWAY_XMPP_SECRET: 's' }).xmpp.secret, 's')
    }
  })

  it("finds an account's server under its domain, unless another place is named", () => {
    const xmpp = (more: string) =>
      config(`xmpp: { connection: account, jid: Robot@BÜCHER.example, password: p${more} }`).xmpp
    assert.equal(xmpp('').service, 'xmpp://xn--bcher-kva.example:5222')
    assert.equal(xmpp(', service: "xmpp://127.0.0.1:5223"').service, 'xmpp://127.0.0.1:5223')
    assert.equal(xmpp('').jid, 'Robot@bücher.example')
  })

  it('may have sections and lists without anything in them, as a commented-out file has', () => {
    const { http, admins } = config('http:\n#  port: 1\nadmins:\n', { GATEWAY_XMPP_SECRET: 's' })
    assert.deepEqual([http.port, admins], [8080, []])
  })

  it('of the repository is as the defaults are', () => {
    const { config } = loadConfig(new URL('../../../config/gateway.yaml', import.meta.url).pathname, {
      GATEWAY_XMPP_SECRET: 's',
    })
    const { storage, ...rest } = config
    const { storage: _, ...defaults } = load(SECRET).config
    assert.equal(storage.directory.endsWith('/data'), true)
    assert.deepEqual(rest, defaults)
  })

  it('takes a directory relative to its own file', () => {
    assert.equal(config(`${SECRET}storage: { directory: ../d }`).storage.directory, join(directory(), '..', 'd'))
    assert.equal(config(`${SECRET}storage: { directory: /var/lib/x }`).storage.directory, '/var/lib/x')
  })

  describe('by the environment', () => {
    const keys: [string, string, (config: Config) => unknown, unknown][] = [
      ['HTTP_HOST', '0.0.0.0', (c) => c.http.host, '0.0.0.0'],
      ['HTTP_PORT', '81', (c) => c.http.port, 81],
      ['HTTP_PUBLICURL', 'https://p.example', (c) => c.http.publicUrl, 'https://p.example'],
      ['HTTP_PUBLICURL', 'https://p.example/', (c) => c.http.publicUrl, 'https://p.example'],
      ['HTTP_PUBLICURL', 'HTTPS://P.example:443', (c) => c.http.publicUrl, 'https://p.example'],
      ['HTTP_TRUSTPROXY', '10.0.0.0/8, fd00::/8', (c) => c.http.trustProxy, ['10.0.0.0/8', 'fd00::/8']],
      ['OPS_LISTEN', '[::1]:1', (c) => c.ops.listen, { host: '::1', port: 1 }],
      ['OPS_LISTEN', '', (c) => c.ops.listen, null],
      ['XMPP_CONNECTION', 'component', (c) => c.xmpp.connection, 'component'],
      ['XMPP_SERVICE', 'xmpp://x:1', (c) => c.xmpp.service, 'xmpp://x:1'],
      ['XMPP_DOMAIN', 'p.example', (c) => c.xmpp.domain, 'p.example'],
      ['XMPP_SECRET', '007', (c) => c.xmpp.secret, '007'],
      ['XMPP_JID', 'a@b', (c) => c.xmpp.jid, 'a@b'],
      ['XMPP_PASSWORD', 'p', (c) => c.xmpp.password, 'p'],
      ['XMPP_SOURCES', 'subscription', (c) => c.xmpp.sources, ['subscription']],
      ['XMPP_VERIFYEVERY', '1m', (c) => c.xmpp.verifyEvery, MINUTES],
      ['XMPP_STALEAFTER', '1h', (c) => c.xmpp.staleAfter, HOURS],
      ['XMPP_EJABBERDAPI', 'http://e/api', (c) => c.xmpp.ejabberdApi, 'http://e/api'],
      [
        'DOMAINS',
        '{"a.example":{"publish":"status"},"b.example":null}',
        (c) => [...c.domains.keys()],
        ['a.example', 'b.example'],
      ],
      ['ADMINS', 'A@h, b@h', (c) => c.admins, ['a@h', 'b@h']],
      ['STORAGE_DIRECTORY', '/d', (c) => c.storage.directory, '/d'],
      ['ROSTER_TOKENS', 'a,b', (c) => c.roster.tokens, ['a', 'b']],
      ['ROSTER_INJECTCOMPONENT', 'false', (c) => c.roster.injectComponent, false],
      ['SIGNIN_DOMAINS', 'any', (c) => c.signIn.domains, 'any'],
      ['OUTBOUND_ALLOWPRIVATE', '127.0.0.0/8', (c) => c.outbound.allowPrivate, ['127.0.0.0/8']],
      ['LIMITS_STANZA', '128KiB', (c) => c.limits.stanza, 128 * KIB],
      ['LIMITS_TEXT', '5', (c) => c.limits.text, 5],
      ['LIMITS_RESOURCES', '6', (c) => c.limits.resources, 6],
      ['LIMITS_FORGETAFTER', '1d', (c) => c.limits.forgetAfter, DAYS],
      ['LIMITS_BATCH', '7', (c) => c.limits.batch, 7],
      ['LIMITS_CHANGELOG', '2h', (c) => c.limits.changeLog, 2 * HOURS],
      ['LIMITS_CHANGELOGROWS', '8', (c) => c.limits.changeLogRows, 8],
      ['LIMITS_STREAMSPERAPP', '9', (c) => c.limits.streamsPerApp, 9],
      ['LIMITS_CONNECTIONSPERADDRESS', '11', (c) => c.limits.connectionsPerAddress, 11],
      ['LIMITS_STREAMBUFFER', '2MiB', (c) => c.limits.streamBuffer, 2 * KIB * KIB],
      ['LIMITS_STREAMLAG', '500ms', (c) => c.limits.streamLag, 500],
      ['LIMITS_FRAME', '1KiB', (c) => c.limits.frame, KIB],
      ['LIMITS_NOTIFICATIONS', '12', (c) => c.limits.notifications, 12],
      ['LIMITS_WEBHOOKTIMEOUT', '3s', (c) => c.limits.webhookTimeout, 3 * SECONDS],
    ]
    for (const [name, text, read, value] of keys) {
      it(`GATEWAY_${name}=${text}`, () => {
        assert.deepEqual(read(config('', { GATEWAY_XMPP_SECRET: 's', [`GATEWAY_${name}`]: text })), value)
      })
    }

    it('has a variable for every key', () => {
      const { domains, admins, ...sections } = config(SECRET)
      const wanted = Object.entries(sections).flatMap(([section, values]) =>
        Object.keys(values).map((key) => `${section}_${key}`.toUpperCase()),
      )
      const tested = new Set(keys.map(([name]) => name))
      assert.deepEqual(
        wanted.filter((name) => !tested.has(name)),
        [],
      )
    })

    it('goes before the file', () => {
      const yaml = 'http: { port: 1, host: h }\nxmpp: { secret: s }'
      const { http } = config(yaml, { GATEWAY_HTTP_PORT: '2' })
      assert.deepEqual([http.port, http.host], [2, 'h'])
    })

    it('warns of a variable that is no key, and of no other', () => {
      const { warnings } = load(SECRET, { GATEWAY_COLOUR: 'red', GATEWAY_HTTP_HOST: 'h', PATH: '/', GATEWAYS: '2' })
      assert.deepEqual(warnings, ['GATEWAY_COLOUR: no such key; ignored'])
    })

    for (const [name, meant] of [
      ['GATEWAY_HTTP_PROT', 'GATEWAY_HTTP_PORT'],
      ['GATEWAY_HTPP_PORT', 'GATEWAY_HTTP_PORT'],
      ['GATEWAY_HTTP_PUBLIC_URL', 'GATEWAY_HTTP_PUBLICURL'],
      ['GATEWAY_http_publicUrl', 'GATEWAY_HTTP_PUBLICURL'],
      ['gateway_domains', 'GATEWAY_DOMAINS'],
      ['GATEWAY_XMPP_SECRETS', 'GATEWAY_XMPP_SECRET'],
    ] as const) {
      it(`asks of ${name} whether ${meant} is meant`, () => {
        const { warnings } = load(SECRET, { [name]: '1' })
        assert.deepEqual(warnings, [`${name}: no such key; ignored. Is ${meant} meant?`])
      })
    }

    it('says nothing of what Kubernetes sets for Services whose names begin with "gateway"', () => {
      const { warnings } = load(SECRET, {
        GATEWAY_SERVICE_HOST: '10.0.0.1',
        GATEWAY_SERVICE_PORT: '8080',
        GATEWAY_SERVICE_PORT_HTTP: '8080',
        GATEWAY_PORT: 'tcp://10.0.0.1:8080',
        GATEWAY_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
        GATEWAY_PORT_8080_TCP_PROTO: 'tcp',
        GATEWAY_PORT_8080_TCP_PORT: '8080',
        GATEWAY_PORT_8080_TCP_ADDR: '10.0.0.1',
        GATEWAY_WEB_SERVICE_HOST: '10.0.0.2',
        GATEWAY_WEB_PORT: 'udp://10.0.0.2:53',
      })
      assert.deepEqual(warnings, [])
    })

    for (const [name, text, key] of [
      ['GATEWAY_DOMAINS', '{', /DOMAINS/],
      ['GATEWAY_DOMAINS', '[]', /domains/],
      ['GATEWAY_HTTP_PORT', 'eighty', /http\.port/],
      ['GATEWAY_HTTP_PORT', '', /http\.port/],
      ['GATEWAY_LIMITS_TEXT', '', /limits\.text/],
      ['GATEWAY_XMPP_STALEAFTER', '15', /xmpp\.staleAfter/],
    ] as const) {
      it(`refuses ${name}=${text}`, () => {
        const told = faults(SECRET, { [name]: text })
        assert.equal(told.length, 1)
        assert.match(told[0] ?? '', key)
      })
    }

    it('survives a section that is no section', () => {
      const told = faults('http: hello\nxmpp: { secret: s }', { GATEWAY_HTTP_PORT: '1' })
      assert.equal(told.length, 1)
      assert.match(told[0] ?? '', /^http: /)
    })
  })

  describe('refuses, naming the key', () => {
    const bad: [string, string][] = [
      ['http: { port: 65536 }', 'http.port'],
      ['http: { port: -1 }', 'http.port'],
      ['http: { port: 80.5 }', 'http.port'],
      ['http: { port: }', 'http.port'],
      ['http: { port: true }', 'http.port'],
      ['http: { port: [] }', 'http.port'],
      ['http: { publicUrl: nonsense }', 'http.publicUrl'],
      ['http: { publicUrl: "ftp://x" }', 'http.publicUrl'],
      ['http: { publicUrl: "https://x.example/presence" }', 'http.publicUrl'],
      ['http: { publicUrl: "https://x.example/?a" }', 'http.publicUrl'],
      ['http: { publicUrl: "https://a:b@x.example" }', 'http.publicUrl'],
      ['http: { trustProxy: [10.0.0.1] }', 'http.trustProxy.0'],
      ['http: { trustProxy: ["::/0"] }', 'http.trustProxy.0'],
      ['http: { trustProxy: 10.0.0.0/8 }', 'http.trustProxy'],
      ['http: []', 'http'],
      ['ops: { listen: 9090 }', 'ops.listen'],
      ['ops: { listen: "host" }', 'ops.listen'],
      ['ops: { listen: "host:99999" }', 'ops.listen'],
      ['xmpp: { secret: s, service: "xmp://x" }', 'xmpp.service'],
      ['xmpp: { secret: s, service: "xmpp://" }', 'xmpp.service'],
      ['xmpp: { secret: s, domain: "a b" }', 'xmpp.domain'],
      ['xmpp: { secret: s, domain: "a@b" }', 'xmpp.domain'],
      ['xmpp: { secret: 5 }', 'xmpp.secret'],
      ['xmpp: {}', 'xmpp.secret'],
      ['xmpp: { connection: link, secret: s }', 'xmpp.connection'],
      ['xmpp: { connection: account, password: p }', 'xmpp.jid'],
      ['xmpp: { connection: account, jid: a@b/c, password: p }', 'xmpp.jid'],
      ['xmpp: { connection: account, jid: b, password: p }', 'xmpp.jid'],
      ['xmpp: { connection: account, jid: a@b }', 'xmpp.password'],
      ['xmpp: { connection: account, jid: a@b, password: p, service: "xmpps://b" }', 'xmpp.service'],
      ['xmpp: { secret: s, sources: [] }', 'xmpp.sources'],
      ['xmpp: { secret: s, sources: [nobody] }', 'xmpp.sources.0'],
      ['xmpp: { secret: s, verifyEvery: 15 }', 'xmpp.verifyEvery'],
      ['xmpp: { secret: s, verifyEvery: 30d }', 'xmpp.verifyEvery'],
      ['xmpp: { secret: s, verifyEvery: 0s }', 'xmpp.verifyEvery'],
      ['xmpp: { secret: s, staleAfter: soon }', 'xmpp.staleAfter'],
      ['xmpp: { secret: s, staleAfter: -5m }', 'xmpp.staleAfter'],
      ['xmpp: { secret: s, ejabberdApi: "/api" }', 'xmpp.ejabberdApi'],
      ['domains: { "a b": {} }', 'domains'],
      ['domains: {}', 'domains'],
      ['domains: [localhost]', 'domains'],
      ['domains: { a: {}, A: {} }', 'domains'],
      ['domains: { bücher.example: {}, xn--bcher-kva.example: {} }', 'domains'],
      ['domains: { presence.localhost: {} }', 'domains'],
      ['domains: { localhost: { publish: all } }', 'domains.localhost.publish'],
      ['domains: { localhost: { publsh: none } }', 'domains.localhost.publsh'],
      ['domains: { localhost: { roster: { refreshUrl: x } } }', 'domains.localhost.roster.refreshUrl'],
      [
        'domains: { localhost: { roster: { upstream: "http://a:password@h/contacts" } } }',
        'domains.localhost.roster.upstream',
      ],
      ['domains: { localhost: { roster: { upstream: "ftp://h/%s" } } }', 'domains.localhost.roster.upstream'],
      ['domains: { localhost: { roster: { upstream: "http://%s/" } } }', 'domains.localhost.roster.upstream'],
      ['admins: [alice]', 'admins.0'],
      ['admins: [a@b/c]', 'admins.0'],
      ['storage: { directory: "" }', 'storage.directory'],
      [`storage: { directory: /${'x'.repeat(100)} }`, 'storage.directory'],
      ['roster: { tokens: [""] }', 'roster.tokens.0'],
      ['roster: { injectComponent: maybe }', 'roster.injectComponent'],
      ['signIn: { domains: all }', 'signIn.domains'],
      ['outbound: { allowPrivate: [x] }', 'outbound.allowPrivate.0'],
      ['limits: { stanza: 64kB }', 'limits.stanza'],
      ['limits: { stanza: 1.5KiB }', 'limits.stanza'],
      ['limits: { stanza: 0 }', 'limits.stanza'],
      ['limits: { resources: 0 }', 'limits.resources'],
      ['limits: { text: }', 'limits.text'],
      ['limits: { text: "" }', 'limits.text'],
      ['limits: { forgetAfter: 90 }', 'limits.forgetAfter'],
      ['htpp: {}', 'htpp'],
      ['http: { prot: 1 }', 'http.prot'],
      ['__proto__: { a: 1 }', '__proto__'],
    ]
    for (const [yaml, key] of bad) {
      it(yaml.slice(0, 70), () => {
        const told = faults(yaml.includes('xmpp:') ? yaml : SECRET + yaml)
        assert.deepEqual(
          told.map((text) => text.slice(0, key.length + 2)),
          [`${key}: `],
        )
      })
    }
  })

  it('tells all faults at once, each with its key', () => {
    const yaml = `
      http: { port: x, prot: 1 }
      xmpp: { service: "xmp://x", verifyEvery: 5 }
      domains: { "a b": {}, presence.localhost: {} }
      limits: { stanza: many }
      nonsense: 1
    `
    const told = faults(yaml, { GATEWAY_LIMITS_TEXT: 'many', GATEWAY_ADMINS: 'x' })
    const keys = [
      'http.port',
      'http.prot',
      'xmpp.service',
      'xmpp.verifyEvery',
      'limits.stanza',
      'limits.text',
      'nonsense',
      'admins.0',
      'xmpp.secret',
      'domains',
    ]
    for (const key of keys)
      assert(
        told.some((text) => text.startsWith(`${key}: `)),
        `${key} in ${told.join(' | ')}`,
      )
    assert.equal(told.filter((text) => text.startsWith('domains: ')).length, 2)
    assert.equal(told.length, keys.length + 1)
  })

  it('says what it expects instead', () => {
    assert.deepEqual(faults('xmpp: { secret: s, service: "xmp://…" }'), [
      'xmpp.service: "xmp://…" is not an xmpp:// URL',
    ])
  })

  it('never tells a secret', () => {
    for (const yaml of [
      'xmpp: { secret: [hunter2] }',
      'xmpp: { secret: { hunter2: 1 }, password: [hunter2] }',
      'roster: { tokens: hunter2 }',
      'xmpp: { secret: s, ejabberdApi: "htp://user:hunter2@x/" }',
    ]) {
      assert.doesNotMatch(faults(yaml).join('\n'), /hunter2/)
    }
  })

  describe('reads', () => {
    const durations: [string, number][] = [
      ['500ms', 500],
      ['10s', 10 * SECONDS],
      ['15m', 15 * MINUTES],
      ['1.5h', 1.5 * HOURS],
      ['90d', 90 * DAYS],
      ['" 5s "', 5 * SECONDS],
    ]
    for (const [text, ms] of durations) {
      it(`the duration ${text}`, () =>
        assert.equal(config(`${SECRET}limits: { forgetAfter: ${text} }`).limits.forgetAfter, ms))
    }

    const sizes: [string, number][] = [
      ['512B', 512],
      ['512', 512],
      ['64KiB', 64 * KIB],
      ['64 KiB', 64 * KIB],
      ['1MiB', KIB * KIB],
      ['1GiB', KIB ** 3],
    ]
    for (const [text, bytes] of sizes) {
      it(`the size ${text}`, () => assert.equal(config(`${SECRET}limits: { stanza: ${text} }`).limits.stanza, bytes))
    }

    it('domains in any spelling, under their A-labels', () => {
      const yaml = `${SECRET}domains: { BÜCHER.example: { publish: details }, Example.ORG.: }`
      const { domains } = config(yaml)
      assert.deepEqual(
        [...domains].map(([name, { publish }]) => [name, publish]),
        [
          ['xn--bcher-kva.example', 'details'],
          ['example.org', 'none'],
        ],
      )
    })

    it('a domain with nothing under it as one with the defaults', () => {
      const { domains } = config(`${SECRET}domains:\n  a.example:\n  b.example: {}\n`)
      assert.deepEqual({ ...domains.get('a.example'), written: '' }, { ...domains.get('b.example'), written: '' })
    })

    it('admins as the keys of users', () => {
      assert.deepEqual(config(`${SECRET}admins: [Alice@Bücher.example]`).admins, ['alice@xn--bcher-kva.example'])
    })
  })

  describe('that cannot be read', () => {
    it('is missing: names the file and what to do', () => {
      assert.throws(
        () => loadConfig(join(directory(), 'none.yaml'), {}),
        (error: ConfigError) => {
          assert.equal(error.name, 'ConfigError')
          assert.match(error.message, /none\.yaml: .*init/)
          return true
        },
      )
    })

    it('is a directory', () => assert.throws(() => loadConfig(directory(), {}), ConfigError))

    for (const yaml of [
      'http: {',
      'a: b: c',
      '\tx: 1',
      'a: 1\na: 2',
      '{]',
      'x: &a [*a]',
      '- a\n- b',
      'hello',
      '5',
      'a: 1\n---\nb: 2',
    ]) {
      it(`is ${JSON.stringify(yaml)}: names the file`, () => {
        const told = faults(yaml, { GATEWAY_XMPP_SECRET: 's' })
        assert(told.length > 0)
        assert(yaml.startsWith('x: &a') || told[0]?.startsWith(file()), told[0])
      })
    }

    it('says in which line', () => assert.match(faults('http:\n  port: [1\n').join(), /line [23]/))
  })
})
