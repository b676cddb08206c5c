import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Domains } from '../../src/presence/domains.js'
import { parseStanzaJid } from '../../src/presence/jid.js'
import { AccountLink } from '../../src/xmpp/account-link.js'
import { AccountRoster } from '../../src/xmpp/account-roster.js'
import type { XmlElement } from '../../src/xmpp/xml-element.js'
import { type Connection, HostileServer, STREAM_END } from '../support/hostile-server.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'

const JID = 'robot@example.org'
const FULL = `${JID}/presence-gateway.x`
const HEADER =
  `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' ` +
  `xmlns='jabber:client' id='s1' from='example.org' version='1.0'>`
const SASL = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`
const TLS = `xmlns='urn:ietf:params:xml:ns:xmpp-tls'`
const BIND = `xmlns='urn:ietf:params:xml:ns:xmpp-bind'`
const PLAIN = mechanisms('PLAIN')
const BINDING = `<stream:features><bind ${BIND}/></stream:features>`

function mechanisms(...names: string[]): string {
  const offered = names.map((name) => `<mechanism>${name}</mechanism>`).join('')
  return `<stream:features><starttls ${TLS}/><mechanisms ${SASL}>${offered}</mechanisms></stream:features>`
}

type Reply = string | ((socket: Socket, match: RegExpExecArray) => void)

/** Waits for each pattern in turn, in what came since the last, and replies. */
function script(...steps: [RegExp, Reply][]): (connection: Connection) => void {
  return (connection) => {
    let step = 0
    let from = 0
    connection.socket.on('data', () => {
      for (let at = steps[step]; at; at = steps[++step]) {
        const [pattern, reply] = at
        const match = pattern.exec(connection.received.slice(from))
        if (!match) return
        from += match.index + match[0].length
        if (typeof reply === 'string') connection.socket.write(reply)
        else reply(connection.socket, match)
      }
    })
  }
}

const opening = (features: string): [RegExp, Reply] => [/<stream:stream[^>]*>/, HEADER + features]
const bound = (jid: string, rest = ''): [RegExp, Reply] => [
  /<iq type="set" id="([^"]+)"><bind/,
  (socket, match) =>
    socket.write(`<iq type='result' id='${match[1]}'><bind ${BIND}><jid>${jid}</jid></bind></iq>${rest}`),
]
const authenticated: [RegExp, Reply] = [/<auth[^>]*>/, `<success ${SASL}/>`]
/** Up to the end of it all, and `rest` in one packet with the last. */
const good = (rest = '') =>
  script(opening(PLAIN), authenticated, opening(BINDING), bound(FULL, rest), [/<\/stream:stream>/, STREAM_END])

/** The whole of SCRAM's first message. */
const NONCE = /<auth[^>]*>([^<]+)</

function challenge(rounds: string): Reply {
  return (socket, match) => {
    const nonce = /r=(.*)$/.exec(Buffer.from(match[1] ?? '', 'base64').toString())?.[1]
    const text = Buffer.from(`r=${nonce}x,s=AAAA,i=${rounds}`).toString('base64')
    socket.write(`<challenge ${SASL}>${text}</challenge>`)
  }
}

class Watched {
  readonly clock = new FakeClock()
  readonly link: AccountLink
  readonly roster: AccountRoster
  readonly stanzas: XmlElement[] = []
  readonly lost: { reason: string; retryInMs: number }[] = []
  readonly skipped: string[] = []
  readonly changes: string[] = []
  #ids = 0

  constructor(service: string) {
    const random = { id: () => `random-id-${++this.#ids}`, fraction: () => 1 }
    const bounds = { elementBytes: 64 * 1024, depth: 64, fatalBytes: 1024 * 1024 }
    this.link = new AccountLink({ service, jid: JID, password: 'secret', bounds }, this.clock, random, {
      lost: (reason, retryInMs) => this.lost.push({ reason, retryInMs }),
      skipped: (reason) => this.skipped.push(reason),
    })
    this.roster = new AccountRoster(this.link, JID, new Domains(['example.org']), {
      granted: (user) => this.changes.push(`+${user}`),
      withdrawn: (user) => this.changes.push(`-${user}`),
    })
    this.link.start({
      up: () => {},
      stanza: (stanza) => {
        this.stanzas.push(stanza)
        if (stanza.name === 'iq') this.roster.pushed(stanza)
      },
      down: () => {},
      missed: () => {},
    })
  }
}

describe('AccountLink', () => {
  const unexpected: unknown[] = []
  const note = (error: unknown) => void unexpected.push(error)
  let server: HostileServer
  let watched: Watched

  before(() => {
    process.on('unhandledRejection', note)
    process.on('uncaughtExceptionMonitor', note)
  })
  after(() => {
    process.off('unhandledRejection', note)
    process.off('uncaughtExceptionMonitor', note)
  })
  afterEach(async () => {
    const stopped = watched.link.stop()
    await watched.clock.passing(10_000)
    await stopped
    assert.equal(watched.clock.timers, 0, 'timers are left after stop()')
    await server.stop()
    await sleep(5)
    assert.deepEqual(unexpected.splice(0), [])
  })

  /** `host`: 127.1 reaches us, too, and is not taken for loopback. */
  async function meet(behave: (connection: Connection) => void, host = '127.0.0.1'): Promise<Watched> {
    server = await HostileServer.start(behave)
    watched = new Watched(`xmpp://${host}:${server.port}`)
    return watched
  }

  const online = () => until(() => watched.link.online, 3000, `to be online; ${JSON.stringify(watched.lost)}`)
  const received = () => server.connections[0]?.received ?? ''

  it('comes online, takes stanzas in from the packet of its resource on, and stops in order', async () => {
    const { link, stanzas } = await meet(good(`<presence from='a@b/c'/>`))
    await online()
    assert.equal(link.address, FULL)
    assert.equal(link.secured, false)
    await until(() => stanzas.length === 1)
    await link.stop()
    assert(received().endsWith(STREAM_END))
  })

  const faults: [string, (connection: Connection) => void, RegExp][] = [
    ['resets at once', ({ socket }) => void socket.resetAndDestroy(), /./],
    ['speaks HTTP', ({ socket }) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /./],
    ['sends a DOCTYPE', ({ socket }) => void socket.write('<!DOCTYPE stream><stream:stream>'), /DOCTYPE/],
    ['knows no such domain', script(opening('<stream:error><host-unknown/></stream:error>')), /host-unknown/],
    ['offers nothing', script(opening('<stream:features/>')), /no way to authenticate/],
    ['offers what is unknown', script(opening(mechanisms('X-MAGIC').replace(/<starttls.*?>/, ''))), /X-MAGIC/],
    ['sends features twice', script(opening(PLAIN + PLAIN)), /features while authenticating/],
    ['sends stanzas first', script(opening(`<presence from='a@b/c'/>`)), /presence while opening/],
    ['refuses TLS', script(opening(mechanisms()), [/<starttls/, `<failure ${TLS}/>`]), /TLS refused/],
    ['speaks on instead of TLS', script(opening(mechanisms()), [/<starttls/, `<proceed ${TLS}/>${PLAIN}`]), /./],
    ['answers TLS with XML', script(opening(mechanisms()), [/<starttls/, `<proceed ${TLS}/>`], [/./, HEADER]), /TLS/],
    [
      'refuses the password',
      script(opening(PLAIN), [/<auth/, `<failure ${SASL}><not-authorized/><text>no\u0007</text></failure>`]),
      /./,
    ],
    ['challenges PLAIN', script(opening(PLAIN), [/<auth/, `<challenge ${SASL}/>`]), /asks for more/],
    [
      'says success to SCRAM without a proof',
      script(opening(mechanisms('SCRAM-SHA-1', 'PLAIN')), authenticated),
      /does not prove/,
    ],
    [
      'asks for a billion rounds',
      script(opening(mechanisms('SCRAM-SHA-256')), [NONCE, challenge('1000000000')]),
      /1000000000 rounds/,
    ],
    [
      'challenges again',
      script(opening(mechanisms('SCRAM-SHA-256')), [NONCE, challenge('4096')], [/<response/, `<challenge ${SASL}/>`]),
      /asks for more/,
    ],
    ['speaks on after success', script(opening(PLAIN), [/<auth/, `<success ${SASL}/><presence/>`]), /next stream/],
    ['gives no resource', script(opening(PLAIN), authenticated, opening('<stream:features/>')), /no resource/],
    [
      'gives a resource without a name',
      script(opening(PLAIN), authenticated, opening(BINDING), bound(JID)),
      /resource/,
    ],
    ['gives what is no JID', script(opening(PLAIN), authenticated, opening(BINDING), bound('a@/@b//')), /resource/],
    [
      'refuses a resource',
      script(opening(PLAIN), authenticated, opening(BINDING), [
        /id="([^"]+)"><bind/,
        (socket, [, id]) => socket.write(`<iq type='error' id='${id}'><error><resource-constraint/></error></iq>`),
      ]),
      /resource-constraint/,
    ],
  ]
  for (const [what, behave, reason] of faults) {
    it(`connects again when the server ${what}`, async () => {
      const { lost, clock } = await meet((connection) => (connection.number < 2 ? behave : good())(connection))
      for (let times = 1; times <= 2; times++) {
        await until(() => lost.length === times, 3000, `to be lost the ${times}. time`)
        assert.match(lost.at(-1)?.reason ?? '', reason)
        await clock.passing(lost.at(-1)?.retryInMs ?? 0)
      }
      await online()
    })
  }

  const silences: [string, (connection: Connection) => void, RegExp][] = [
    ['never opens its stream', () => {}, /while opening/],
    ['never says its features', script(opening('')), /while opening/],
    ['never answers starttls', script(opening(mechanisms())), /while securing/],
    ['never begins TLS', script(opening(mechanisms()), [/<starttls/, `<proceed ${TLS}/>`]), /while securing/],
    ['never answers the password', script(opening(PLAIN)), /while authenticating/],
    ['never opens the next stream', script(opening(PLAIN), authenticated), /while opening/],
    ['never gives a resource', script(opening(PLAIN), authenticated, opening(BINDING)), /while binding/],
  ]
  for (const [what, behave, reason] of silences) {
    it(`gives a server that ${what} 5 s`, async () => {
      const { lost, clock } = await meet(behave)
      await until(() => received().includes('<stream:stream'))
      await sleep(50)
      await clock.passing(4999)
      assert.equal(lost.length, 0)
      await clock.passing(1)
      assert.match(lost[0]?.reason ?? '', reason)
    })
  }

  it('says nothing secret without TLS to a server that is not on this machine', async () => {
    for (const offered of [PLAIN, mechanisms('SCRAM-SHA-1')].map((all) => all.replace(/<starttls.*?>/, ''))) {
      const { lost, link } = await meet(script(opening(offered)), '127.1')
      await until(() => lost.length === 1)
      assert.match(lost[0]?.reason ?? '', /^no TLS offered$/)
      assert(!received().includes('<auth'))
      await link.stop()
      await server.stop()
    }
    await meet(script(opening(PLAIN)), '127.1')
    await until(() => received().includes('<starttls'))
    assert(!received().includes('<auth'))
  })

  it('waits up to 60 s after the password was refused', async () => {
    const refusal = `<failure ${SASL}><not-authorized/></failure>`
    const { lost, clock } = await meet(script(opening(PLAIN), [/<auth/, refusal]))
    for (let times = 1; times <= 8; times++) {
      await until(() => lost.length === times)
      await clock.passing(lost.at(-1)?.retryInMs ?? 0)
    }
    assert.deepEqual(
      lost.map(({ retryInMs }) => retryInMs),
      [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000],
    )
  })

  describe('once online', () => {
    const say = (xml: string) => server.connections[0]?.socket.write(xml)
    const heard = (id: string) => until(() => watched.stanzas.some(({ attrs }) => attrs.id === id))
    const has = (jid: string) => {
      const parsed = parseStanzaJid(jid)
      return parsed !== null && watched.roster.has(parsed.bare)
    }
    const push = (item: string, from = '', id = 'push') =>
      say(`<iq type='set' id='${id}' ${from}><query xmlns='jabber:iq:roster'>${item}</query></iq>`)

    it('stays through everything that is merely odd', async () => {
      await meet(good())
      await online()
      for (const odd of [
        `<presence from='user@/r'/>`,
        `<presence from='a@b/c' to='@'/>`,
        `<iq type='get' from='a@b'/>`,
        `<iq type='result' from='a@b' id='1'/>`,
        `<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='@'/><item/><x/></query></iq>`,
        '<r/><stream:features/>',
        `<success ${SASL}/>`,
        `<message>${'x'.repeat(70_000)}</message>`,
        `${'<message>'.repeat(3000)}${'</message>'.repeat(3000)}`,
      ])
        say(odd)
      say(`<message id='last'/>`)
      await heard('last')
      assert(watched.link.online)
      assert.deepEqual(watched.skipped, ['too-long', 'too-deep'])
    })

    it('takes a roster of 10,000, however long a stanza may otherwise be', async () => {
      await meet(good())
      await online()
      const loaded = watched.roster.load()
      const id = await until(() => /<iq [^>]*id="([^"]+)"[^>]*><query xmlns="jabber:iq:roster"/.exec(received())?.[1])
      const items = Array.from({ length: 10_000 }, (_, i) => `<item jid='user${i}@example.org' subscription='to'/>`)
      say(`<iq type='result' id='${id}'><query xmlns='jabber:iq:roster'>${items.join('')}</query></iq>`)
      assert.equal(await loaded, null)
      assert.equal(watched.roster.count().seen, 10_000)
      say(`<message id='long'>${'x'.repeat(70_000)}</message><message id='last'/>`)
      await heard('last')
      assert.deepEqual(watched.skipped, ['too-long'])
    })

    it("believes its own server's pushes only", async () => {
      await meet(good())
      await online()
      for (const from of ['eve@example.org', 'eve@example.org/x', 'example.org', `${JID}.evil.org`]) {
        push(`<item jid='eve@example.org' subscription='both'/>`, `from='${from}'`, from)
        await heard(from)
        assert(!has('eve@example.org'), from)
      }
      push(`<item jid='a@example.org' subscription='to'/>`, '', 'bare')
      push(`<item jid='b@example.org' subscription='both'/>`, `from='${JID}'`, 'own')
      await heard('own')
      assert(has('a@example.org') && has('b@example.org'))
      await until(() => /<iq type="result"[^>]* id="own"/.test(received()))
      push(`<item jid='a@example.org' subscription='from'/>`, '', 'less')
      push(`<item jid='b@example.org' subscription='remove'/>`, '', 'gone')
      await heard('gone')
      assert.deepEqual(watched.changes, ['+a@example.org', '+b@example.org', '-a@example.org', '-b@example.org'])
    })
  })
})
