import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createApplication } from '../../src/http/application.js'
import { HttpServer } from '../../src/http/http-server.js'
import { PublicView } from '../../src/http/public-view.js'
import { StatusEndpoint } from '../../src/http/status-endpoint.js'
import { Turns } from '../../src/http/turns.js'
import { Domains } from '../../src/presence/domains.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { Publications } from '../../src/presence/publication.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { secret } from '../../src/storage/secrets.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { SqlitePublicationStore } from '../../src/storage/sqlite-publication-store.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'
import { NO_PAGES } from './no-pages.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid, presence } from './users.js'

const STALE_AFTER_MS = 60_000
const BATCH = 1000
const ALICE = jid('alice@open.example')
const NAMED = 'bücher.example'

interface Answer {
  status: number
  /** What the status line says beside it. */
  reason: string | undefined
  /** Name and value in turn, as they came. */
  rawHeaders: string[]
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** Turns that come only when a test lets them. */
class HeldTurns extends Turns {
  readonly #held: (() => void)[] = []
  holds = false

  get held(): number {
    return this.#held.length
  }

  override take(piece: () => void): void {
    if (this.holds) this.#held.push(piece)
    else super.take(piece)
  }

  release(): void {
    this.holds = false
    for (const piece of this.#held.splice(0)) super.take(piece)
  }
}

/** All of the gateway that status queries see, without a link. */
class Service {
  readonly clock = new FakeClock()
  readonly failures: unknown[] = []
  readonly codes: number[] = []
  readonly turns = new HeldTurns()
  /** Tokens of public links. */
  readonly linked = new Map<string, ReturnType<typeof jid>>()
  readonly board: PresenceBoard
  readonly publications: Publications
  readonly #database: Database
  readonly #http: HttpServer
  url = ''

  private constructor(database: Database, publications: Publications, domains: Domains) {
    this.#database = database
    this.publications = publications
    this.board = new PresenceBoard(this.clock, { resources: 32, staleAfterMs: STALE_AFTER_MS })
    const { board, clock, turns } = this
    const counter = { answered: (code: number) => this.codes.push(code) }
    const key = secret(database, 'etag', randomBytes)
    const view = new PublicView(board, domains, publications, { find: (token) => this.linked.get(token) ?? null })
    const status = new StatusEndpoint(view, clock, key, counter)
    const failed = (error: unknown) => this.failures.push(error)
    const application = createApplication({
      view,
      clock,
      batchLimit: BATCH,
      turns,
      routes: [],
      pages: NO_PAGES,
      failed,
    })
    this.#http = new HttpServer(
      { host: '127.0.0.1', port: 0 },
      { turns, clock, first: status, rest: application.callback(), failed },
    )
  }

  static async start(directory: string): Promise<Service> {
    const database = openDatabase(directory)
    const domains = new Domains(['open.example', 'status.example', 'closed.example', NAMED])
    const publications = await Publications.load(
      new Map([
        ['open.example', 'details'],
        ['status.example', 'status'],
        ['closed.example', 'none'],
        ['xn--bcher-kva.example', 'details'],
      ]),
      new SqlitePublicationStore(database),
    )
    const service = new Service(database, publications, domains)
    for (const { presence } of await new SqlitePresenceStore(database).changes()) service.board.load(presence)
    service.url = await service.#http.start()
    return service
  }

  async stop(): Promise<void> {
    await this.#http.stop()
    this.#database.close()
  }

  /** As PresenceWriter would. */
  async save(user = ALICE): Promise<void> {
    await new SqlitePresenceStore(this.#database).append([{ ...this.board.stored(user), was: 'unknown' }], 0)
  }

  ask(
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
  ): Promise<Answer> {
    const { method = 'GET', headers = {}, body } = options
    return new Promise((resolve, reject) => {
      const asking = request(`${this.url}${path}`, { method, headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => {
          const { statusCode = 0, rawHeaders } = response
          resolve({
            status: statusCode,
            reason: response.statusMessage,
            rawHeaders,
            headers: response.headers,
            body: text,
          })
        })
      })
      asking.on('error', reject).end(body)
    })
  }

  post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
    return this.ask('/xmpp/status', {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json', ...headers },
    })
  }

  async etag(path = '/xmpp/status/alice@open.example', headers = {}): Promise<string> {
    return String((await this.ask(path, { headers })).headers.etag)
  }
}

describe('GET /xmpp/status/<jid>', () => {
  const directory = temporaryDirectory()
  let service: Service
  beforeEach(async () => {
    service = await Service.start(directory())
    service.board.linkUp()
    service.board.put(ALICE, 'phone', presence({ show: 'xa', text: 'tea & <cake>' }))
    service.clock.pass(8_973_000)
  })
  afterEach(async () => {
    await service.stop()
    assert.deepEqual(service.failures, [])
  })
  const alice = '/xmpp/status/alice@open.example'

  it('answers in XML, to the byte', async () => {
    const { status, headers, body } = await service.ask(alice)
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'application/xml; charset=utf-8')
    assert.equal(
      body,
      '<presence xmlns="jabber:client" from="alice@open.example"><show>xa</show><status>tea &amp; &lt;cake&gt;</status>' +
        '<query xmlns="jabber:iq:last" seconds="8973"/></presence>',
    )
  })

  it('lets pages of any origin read it, caches ask again, and says how fresh it is', async () => {
    const { headers } = await service.ask(alice)
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.equal(headers['access-control-expose-headers'], 'ETag, Presence-Freshness, Retry-After')
    assert.equal(headers['cache-control'], 'no-cache')
    assert.equal(headers.vary, 'Accept')
    assert.equal(headers['presence-freshness'], 'live')
    assert.match(String(headers.etag), /^W\/"[^"]+"$/)
    service.board.linkDown()
    assert.equal((await service.ask(alice)).headers['presence-freshness'], 'stale')
  })

  for (const [suffix, accept, type, body] of [
    ['.json', '', 'application/json; charset=utf-8', /^\{"jid":"alice@open\.example","status":"away","show":"xa",/],
    ['', 'application/json', 'application/json; charset=utf-8', /"seconds":8973,"freshness":"live"\}$/],
    ['.txt', '', 'text/plain; charset=utf-8', /^xa$/],
    ['', 'text/plain', 'text/plain; charset=utf-8', /^xa$/],
    ['.xml', 'application/json', 'application/xml; charset=utf-8', /^<presence/],
    ['', 'image/png', 'application/xml; charset=utf-8', /^<presence/],
    ['', 'application/json, text/plain', 'application/xml; charset=utf-8', /^<presence/],
  ] as const) {
    it(`answers ${type} for ${suffix || 'no suffix'} and Accept: ${accept || 'none'}`, async () => {
      const answer = await service.ask(alice + suffix, { headers: accept ? { accept } : {} })
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, type])
      assert.match(answer.body, body)
    })
  }

  it('takes no notice of a query', async () => {
    assert.equal((await service.ask(`${alice}.txt?_=123/456`)).body, 'xa')
  })

  it('answers a domain in the spelling of the configuration, asked in any', async () => {
    const user = jid('a@xn--bcher-kva.example')
    service.board.put(user, 'phone', presence())
    for (const domain of ['b%C3%BCcher.example', 'xn--bcher-kva.example', 'B%C3%9CCHER.example']) {
      const { body } = await service.ask(`/xmpp/status/a@${domain}.json`)
      assert.equal(JSON.parse(body).jid, `a@${NAMED}`)
    }
  })

  describe('answers HEAD as GET without a body', () => {
    for (const path of [alice, `${alice}.json`, '/xmpp/status/nobody@open.example', '/xmpp/status/%zz']) {
      it(path, async () => {
        const get = await service.ask(path)
        const head = await service.ask(path, { method: 'HEAD' })
        assert.equal(head.body, '')
        assert.equal(head.status, get.status)
        assert.deepEqual(withoutDate(head), withoutDate(get))
      })
    }
  })

  for (const path of [alice, '/xmpp/status', '/xmpp/status/nobody@nowhere.example']) {
    it(`answers OPTIONS ${path} with 204, for any origin`, async () => {
      const { status, headers, body } = await service.ask(path, {
        method: 'OPTIONS',
        headers: { origin: 'https://page.example', 'access-control-request-method': 'POST' },
      })
      assert.deepEqual([status, body], [204, ''])
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.match(
        String(headers['access-control-allow-methods']),
        path === '/xmpp/status' ? /GET.*POST/ : /^GET, HEAD, OPTIONS$/,
      )
      assert.match(String(headers['access-control-allow-headers']), /Content-Type/)
    })
  }

  for (const method of ['PUT', 'DELETE', 'PATCH', 'POST']) {
    it(`refuses ${method}`, async () => {
      const { status, headers, body } = await service.ask(alice, { method, body: method === 'DELETE' ? '' : '{}' })
      assert.equal(status, 405)
      assert.match(String(headers.allow), /GET/)
      assert.equal(JSON.parse(body).result, 'KO')
    })
  }

  for (const path of [
    '/xmpp/status',
    '/xmpp/status/',
    `${alice}/phone`,
    '/xmpp/status/%zz',
    '/xmpp/status/alice',
    '/xmpp/status/a%20b@c',
  ]) {
    it(`answers ${path} with 400`, async () => {
      assert.equal((await service.ask(path)).status, 400)
    })
  }

  it('says in JSON what was malformed', async () => {
    const { status, body } = await service.ask('/xmpp/status/a%20b@c.json')
    assert.equal(status, 400)
    assert.deepEqual({ ...JSON.parse(body), error: '' }, { result: 'KO', errno: 102, error: '' })
  })

  describe('has an ETag that', () => {
    const conditional = (tag: string, path = alice) => service.ask(path, { headers: { 'if-none-match': tag } })

    it('makes the next answer 304, with the headers and without a body', async () => {
      const etag = await service.etag()
      const { status, headers, body } = await conditional(etag)
      assert.deepEqual([status, body], [304, ''])
      assert.equal(headers.etag, etag)
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.equal(headers.vary, 'Accept')
      assert.equal(headers['cache-control'], 'no-cache')
      assert.equal(headers['presence-freshness'], 'live')
    })

    it('is compared weakly, in a list, and with *', async () => {
      const etag = await service.etag()
      for (const tag of [etag.slice(2), `"x", ${etag}`, `${etag},W/"y"`, `W/"a",${etag.slice(2)} , "b"`, '*', ' * ']) {
        assert.equal((await conditional(tag)).status, 304, tag)
      }
      for (const tag of ['"x"', 'W/"x"', '', 'x', etag.toUpperCase(), etag.slice(2, -1), '"*"']) {
        assert.equal((await conditional(tag)).status, 200, tag)
      }
    })

    it('stays while only the seconds go by', async () => {
      const etag = await service.etag()
      service.clock.pass(3_600_000)
      assert.equal((await conditional(etag)).status, 304)
    })

    it('changes with show, text, since, freshness and format', async () => {
      const tags = [await service.etag()]
      service.board.put(ALICE, 'phone', presence({ show: 'xa', text: 'other' }))
      tags.push(await service.etag())
      service.board.put(ALICE, 'phone', presence({ show: 'dnd', text: 'other' }))
      tags.push(await service.etag())
      service.board.put(ALICE, 'phone', presence({ show: 'dnd', text: 'other', idleSince: 1 }))
      tags.push(await service.etag())
      service.board.linkDown()
      tags.push(await service.etag())
      tags.push(await service.etag(`${alice}.json`))
      tags.push(await service.etag(`${alice}.txt`))
      assert.equal(new Set(tags).size, tags.length)
    })

    it('is the same by suffix and by Accept', async () => {
      assert.equal(await service.etag(`${alice}.json`), await service.etag(alice, { accept: 'application/json' }))
    })

    it('differs between users in the same state', async () => {
      service.board.put(jid('bob@open.example'), 'x', presence())
      service.board.put(jid('bea@open.example'), 'x', presence())
      assert.notEqual(
        await service.etag('/xmpp/status/bob@open.example'),
        await service.etag('/xmpp/status/bea@open.example'),
      )
    })

    it('tells readers of the status nothing about a text that they may not see', async () => {
      await service.publications.choose(ALICE, 'status')
      const etag = await service.etag()
      service.board.put(ALICE, 'phone', presence({ show: 'xa', text: 'another secret' }))
      assert.equal(await service.etag(), etag)
    })

    it('changes when the text is published or no longer', async () => {
      const etag = await service.etag()
      await service.publications.choose(ALICE, 'status')
      assert.notEqual(await service.etag(), etag)
    })

    it('survives a restart, and another database has others', async () => {
      await service.save()
      service.board.linkDown()
      const etag = await service.etag()
      await service.stop()
      service = await Service.start(directory())
      assert.equal(await service.etag(), etag)
      assert.equal((await conditional(etag)).status, 304)
    })

    it('is no match for nobody', async () => {
      assert.equal((await conditional('*', '/xmpp/status/nobody@open.example')).status, 404)
    })

    it('makes If-Modified-Since mean nothing', async () => {
      const headers = { 'if-modified-since': new Date(Date.now() + 86_400_000).toUTCString() }
      assert.equal((await service.ask(alice, { headers })).status, 200)
    })
  })

  describe('answers one and the same 404', () => {
    const hidden = jid('hidden@open.example')
    const closed = jid('someone@closed.example')
    beforeEach(async () => {
      service.board.put(hidden, 'phone', presence({ text: 'here' }))
      service.board.put(closed, 'phone', presence({ text: 'here' }))
      await service.publications.choose(hidden, 'none')
    })
    const bodies = {
      '': '<presence xmlns="jabber:client" type="error"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>',
      '.json': '{"error":"item-not-found"}',
      '.txt': 'item-not-found',
    }
    const nobodies = {
      'never seen where all are published': 'nobody@open.example',
      'never seen where none is': 'nobody@closed.example',
      'never seen in a domain of another script': 'nobody@b%C3%BCcher.example',
      'seen, and unpublished by her own choice': hidden,
      'seen, and unpublished by her domain': closed,
      'of a domain that is not served': 'a@nowhere.example',
      'of one in another script that is not served': 'a@h%C3%BCte.example',
      'of one below a served one': 'alice@sub.open.example',
      'of one with a suffix at its end that is none': 'alice@open.example.svg',
      'whose JID servers read differently': '%C5%BFa@open.example',
      'whose JID has something invisible': 'ali%E2%80%8Bce@open.example',
      'behind a public link': '~link',
    }
    const forms: [string, string, Record<string, string>][] = [
      ['', '', {}],
      ['.xml', '', {}],
      ['.json', '.json', {}],
      ['.txt', '.txt', {}],
      ['', '', { accept: 'application/xml' }],
      ['.json', '', { accept: 'application/json' }],
      ['.txt', '', { accept: 'text/plain' }],
      ['', '', { accept: 'image/png' }],
    ]
    for (const method of ['GET', 'HEAD'] as const) {
      for (const [form, suffix, headers] of forms) {
        it(`to ${method} with ${suffix || 'no suffix'} and Accept: ${headers.accept ?? 'none'}, whoever it is that is not there`, async () => {
          const seen = new Map<string, string>()
          for (const [why, who] of Object.entries(nobodies)) {
            const answer = await service.ask(`/xmpp/status/${who}${suffix}`, { method, headers })
            assert.equal(answer.status, 404, why)
            if (method === 'GET') assert.equal(answer.body, bodies[form as keyof typeof bodies] ?? bodies[''], why)
            // The status line, names of headers as they were written and in order, their values, the body.
            seen.set(JSON.stringify([answer.reason, withoutDate(answer), answer.body]), why)
          }
          assert.equal(seen.size, 1, [...seen.values()].join('; '))
        })
      }
    }

    it('in a batch, but for the JID as asked', async () => {
      const jids = Object.values(nobodies).map((who) => decodeURIComponent(who))
      const { body } = await service.post({ jids })
      const expected = jids.map((who) => `{"jid":${JSON.stringify(who)},"error":"item-not-found"}`)
      assert.equal(body, `{"presences":[${expected.join(',')}]}`)
    })

    it('also with the ETag that the user would have', async () => {
      const headers = { 'if-none-match': await service.etag() }
      await service.publications.choose(ALICE, 'none')
      assert.equal((await service.ask(alice, { headers })).status, 404)
    })

    it('with CORS, so that a page can tell it from a network that fails', async () => {
      const { headers } = await service.ask('/xmpp/status/nobody@open.example')
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.equal(headers['presence-freshness'], undefined)
      assert.equal(headers.etag, undefined)
    })
  })

  describe('follows publication', () => {
    it('a user’s choice before her domain’s, for and against', async () => {
      const user = jid('u@closed.example')
      service.board.put(user, 'x', presence({ text: 'hi' }))
      const text = async () => (await service.ask('/xmpp/status/u@closed.example.json')).body
      assert.equal(await text(), '{"error":"item-not-found"}')
      await service.publications.choose(user, 'status')
      assert.equal(JSON.parse(await text()).text, null)
      await service.publications.choose(user, 'details')
      assert.equal(JSON.parse(await text()).text, 'hi')
      await service.publications.choose(user, 'domain')
      assert.equal(await text(), '{"error":"item-not-found"}')
    })

    it('without the text where the domain publishes the status only', async () => {
      service.board.put(jid('u@status.example'), 'x', presence({ show: 'away', text: 'secret' }))
      const xml = await service.ask('/xmpp/status/u@status.example')
      assert.match(xml.body, /<show>away<\/show><query/)
      assert.equal(JSON.parse((await service.ask('/xmpp/status/u@status.example.json')).body).text, null)
    })
  })

  describe('answers behind a public link', () => {
    const link = '/xmpp/status/~token'
    beforeEach(async () => {
      service.linked.set('token', ALICE)
      await service.publications.choose(ALICE, 'none')
    })

    it('with her status and its details, whatever she publishes, and never with who she is', async () => {
      const { status, headers, body } = await service.ask(link)
      assert.equal(status, 200)
      assert.equal(headers['presence-freshness'], 'live')
      assert.equal(
        body,
        '<presence xmlns="jabber:client"><show>xa</show><status>tea &amp; &lt;cake&gt;</status>' +
          '<query xmlns="jabber:iq:last" seconds="8973"/></presence>',
      )
      assert.equal((await service.ask(`${link}.txt`)).body, 'xa')
      const json = await service.ask(`${link}.json`)
      assert.deepEqual(
        { ...JSON.parse(json.body), since: null },
        { jid: null, status: 'away', show: 'xa', text: 'tea & <cake>', since: null, seconds: 8973, freshness: 'live' },
      )
      assert.equal((await service.ask(alice)).status, 404)
    })

    it('without a JID when she is offline, too', async () => {
      service.board.remove(ALICE, null, null, null)
      const { body } = await service.ask(link)
      assert.match(body, /^<presence xmlns="jabber:client" type="unavailable"><query/)
    })

    it('with an ETag of its own, that makes the next answer 304', async () => {
      const etag = await service.etag(link)
      assert.equal((await service.ask(link, { headers: { 'if-none-match': etag } })).status, 304)
      await service.publications.choose(ALICE, 'details')
      assert.notEqual(etag, await service.etag())
      service.linked.set('other', ALICE)
      assert.notEqual(etag, await service.etag('/xmpp/status/~other'))
    })

    it('HEAD as GET without a body', async () => {
      const get = await service.ask(link)
      const head = await service.ask(link, { method: 'HEAD' })
      assert.deepEqual([head.body, head.status, withoutDate(head)], ['', get.status, withoutDate(get)])
    })

    it('503 when her presence is unknown, without a JID', async () => {
      service.board.linkDown()
      service.clock.pass(STALE_AFTER_MS)
      const { status, headers, body } = await service.ask(link)
      assert.deepEqual([status, headers['retry-after']], [503, '30'])
      assert.match(body, /^<presence xmlns="jabber:client" type="error"><error type="wait">/)
      assert.equal(JSON.parse((await service.ask(`${link}.json`)).body).jid, null)
    })

    it('404 once it is another’s no more, or of a user who is not known, or of no served domain', async () => {
      service.linked.set('unknown', jid('nobody@open.example'))
      service.linked.set('elsewhere', jid('alice@nowhere.example'))
      service.board.put(jid('alice@nowhere.example'), 'phone', presence())
      service.linked.delete('token')
      for (const token of ['token', 'unknown', 'elsewhere']) {
        assert.equal((await service.ask(`/xmpp/status/~${token}`)).status, 404)
      }
    })
  })

  describe('answers 503 when the presence of a published user is unknown', () => {
    beforeEach(() => {
      service.board.linkDown()
      service.clock.pass(STALE_AFTER_MS)
    })

    for (const [suffix, body] of [
      [
        '',
        '<presence xmlns="jabber:client" from="alice@open.example" type="error"><error type="wait"><remote-server-timeout xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>',
      ],
      [
        '.json',
        '{"jid":"alice@open.example","status":"unknown","show":"unknown","text":null,"since":null,"seconds":null,"freshness":"unknown"}',
      ],
      ['.txt', 'unknown'],
    ]) {
      it(`${suffix || 'by default'}, with Retry-After`, async () => {
        const answer = await service.ask(`${alice}${suffix}`)
        assert.equal(answer.status, 503)
        assert.equal(answer.body, body)
        assert.equal(answer.headers['retry-after'], '30')
        assert.equal(answer.headers['presence-freshness'], 'unknown')
        assert.equal(answer.headers.etag, undefined)
      })
    }

    it('but 404 for one who is not published', async () => {
      await service.publications.choose(ALICE, 'none')
      assert.equal((await service.ask(alice)).status, 404)
    })

    it('and 200 again once she is heard', async () => {
      service.board.linkUp()
      assert.equal((await service.ask(alice)).status, 503)
      service.board.put(ALICE, 'phone', presence())
      assert.equal((await service.ask(alice)).status, 200)
    })
  })

  describe('POST /xmpp/status', () => {
    it('answers in the order asked, each the JSON form or the JID as asked', async () => {
      await service.publications.choose(jid('no@open.example'), 'none')
      service.board.put(jid('no@open.example'), 'x', presence())
      const jids = [
        'nobody@open.example',
        'Alice@OPEN.example',
        'alice@open.example/phone',
        '',
        'no@open.example',
        '~x',
        'x y@z',
        ALICE,
      ]
      const { status, headers, body } = await service.post({ jids })
      assert.equal(status, 200)
      assert.match(String(headers['content-type']), /^application\/json/)
      assert.equal(headers['access-control-allow-origin'], '*')
      const { presences } = JSON.parse(body)
      const one = JSON.parse((await service.ask(`${alice}.json`)).body)
      const missing = (jid: string | undefined) => ({ jid, error: 'item-not-found' })
      assert.deepEqual(presences, [
        missing(jids[0]),
        one,
        missing(jids[2]),
        missing(jids[3]),
        missing(jids[4]),
        missing(jids[5]),
        missing(jids[6]),
        one,
      ])
    })

    it('answers nothing to nothing', async () => {
      assert.equal((await service.post({ jids: [] })).body, '{"presences":[]}')
    })

    it('says unknown, like GET', async () => {
      service.board.linkDown()
      service.clock.pass(STALE_AFTER_MS)
      const [alice] = JSON.parse((await service.post({ jids: [ALICE] })).body).presences
      assert.deepEqual([alice.show, alice.status, alice.freshness], ['unknown', 'unknown', 'unknown'])
    })

    it('takes a body of any Content-Type, so that pages need no preflight', async () => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-8']) {
        assert.equal((await service.post({ jids: [ALICE] }, { 'content-type': type })).status, 200)
      }
    })

    it('takes 1,000 JIDs, and not 1,001', async () => {
      const jids = Array.from({ length: BATCH }, (_, i) => `user${i}@open.example`)
      assert.equal(JSON.parse((await service.post({ jids })).body).presences.length, BATCH)
      await fault(service.post({ jids: [...jids, 'a@b'] }), [400, 413], 104)
    })

    const bad: [string, unknown, number[], number][] = [
      ['no JSON', '{"jids":', [400], 100],
      ['nothing', '', [400], 100],
      ['JSON that is no object', '"alice@open.example"', [400], 101],
      ['an array', [ALICE], [400], 101],
      ['no jids', {}, [400], 101],
      ['jids that are no array', { jids: ALICE }, [400], 101],
      ['too many of whatever', { jids: Array.from({ length: BATCH + 1 }, () => 1) }, [413], 104],
      ['a number among the jids', { jids: [ALICE, 5] }, [400], 101],
      ['null among the jids', { jids: [null] }, [400], 101],
      ['a body of 3 MB', { jids: ['x'.repeat(3_000_000)] }, [413], 103],
    ]
    for (const [what, body, statuses, errno] of bad) {
      it(`refuses ${what}`, () => fault(service.post(body), statuses, errno))
    }

    it('gives others their turn in the middle of one with long JIDs', async () => {
      let turn = 0
      let ended = false
      const change = () => {
        service.board.put(ALICE, 'phone', presence({ text: String(++turn) }))
        if (!ended) service.turns.take(change)
      }
      change()
      const long = Array.from({ length: 30 }, () => `${'É'.repeat(330)}@open.example`)
      const { body } = await service.post({ jids: [ALICE, ...long, ALICE, ...long, ALICE] })
      ended = true
      const texts = JSON.parse(body).presences.flatMap(({ text }: { text?: string }) => text ?? [])
      assert.equal(new Set(texts).size, 3, texts.join())
    })

    describe('with no more memory for batches', () => {
      const packed = gzipSync('{"jids":[]}')
      // What is packed or comes in chunks counts as the most that it may be, 1.1 MB, of 64 MiB.
      const MORE_THAN_ALL = 65

      /** As many as are taken have begun with this when one more is refused. */
      async function fill(headers: string, body: string | Buffer): Promise<Socket[]> {
        const { hostname, port } = new URL(service.url)
        const sockets = Array.from({ length: MORE_THAN_ALL }, () => {
          const socket = connect(Number(port), hostname).on('error', () => {})
          // In one piece: whoever is taken has sent all of it.
          socket.write(
            Buffer.concat([Buffer.from(`POST /xmpp/status HTTP/1.1\r\nHost: x\r\n${headers}\r\n`), Buffer.from(body)]),
          )
          return socket
        })
        const [answer] = await Promise.race(sockets.map((socket) => once(socket, 'data')))
        assert.match(String(answer), /^HTTP\/1\.1 429/)
        return sockets
      }
      const isAnswered = async (status: number) => {
        const answer = await service.post(packed, { 'content-encoding': 'gzip' })
        return answer.status === status
      }

      it('takes one again when those who were still sending are gone', async () => {
        for (const socket of await fill(
          `Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n`,
          packed.subarray(0, -5),
        ))
          socket.destroy()
        await until(() => isAnswered(200))
      })

      it('takes none while some wait for their turn whose clients are gone', async () => {
        service.turns.holds = true
        for (const socket of await fill('Transfer-Encoding: chunked\r\n', 'b\r\n{"jids":[]}\r\n0\r\n\r\n'))
          socket.resetAndDestroy()
        for (let i = 0; i < 5; i++) assert(await isAnswered(429))
        service.turns.release()
        await until(() => isAnswered(200))
      })
    })

    it('refuses a small body that unpacks to a large one', async () => {
      const bomb = gzipSync(JSON.stringify({ jids: ['x'.repeat(50_000_000)] }))
      await fault(service.post(bomb, { 'content-encoding': 'gzip' }), [413], 103)
    })

    it('refuses a body that is not packed as it says', async () => {
      await fault(service.post('no gzip', { 'content-encoding': 'gzip' }), [400], 100)
      await fault(service.post('{}', { 'content-encoding': 'zebra' }), [400, 415], 100)
    })

    it('survives keys named like those of every object', async () => {
      const jids = ['__proto__', 'constructor@open.example']
      const { body } = await service.post(`{"constructor":1,"jids":${JSON.stringify(jids)}}`)
      assert.equal(JSON.parse(body).presences.length, 2)
      assert.equal((await service.post('{"__proto__":{"jids":[]}}')).status, 400)
    })

    async function fault(answer: Promise<Answer>, statuses: number[], errno: number): Promise<void> {
      const { status, body, headers } = await answer
      assert(statuses.includes(status), `${status}`)
      const said = JSON.parse(body)
      assert.deepEqual([said.result, said.errno, typeof said.error], ['KO', errno, 'string'])
      assert.equal(headers['access-control-allow-origin'], '*')
    }
  })

  it('answers other paths 404 with errno 130', async () => {
    for (const path of ['/xmpp/statusx', '/nothing', '/xmpp', '/xmpp/avatar']) {
      const { status, body } = await service.ask(path)
      assert.deepEqual([status, JSON.parse(body).errno], [404, 130], path)
    }
  })

  it('counts each answer by its code', async () => {
    await service.ask(alice)
    await service.ask('/xmpp/status/nobody@open.example')
    await service.ask(alice, { headers: { 'if-none-match': '*' } })
    assert.deepEqual(service.codes, [200, 404, 304])
  })
})

function withoutDate({ rawHeaders }: Answer): string[] {
  const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'date')
  return at < 0 ? rawHeaders : rawHeaders.toSpliced(at, 2)
}
