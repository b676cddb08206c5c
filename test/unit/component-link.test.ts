import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { xml } from '@xmpp/component'
import { ComponentLink } from '../../src/xmpp/component-link.js'
import { iqResult } from '../../src/xmpp/stanzas.js'
import type { XmlElement } from '../../src/xmpp/xml-element.js'
import {
  ACCEPTED,
  accepting,
  atHandshake,
  type Connection,
  HEADER,
  HostileServer,
  STREAM_END,
} from '../support/hostile-server.js'
import { freePorts } from '../support/ports.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'

const DOMAIN = 'presence.example.org'
const BOUNDS = { elementBytes: 64 * 1024, depth: 64, fatalBytes: 1024 * 1024 }

/** A link with its own time, and everything that it said. */
class Watched {
  readonly clock = new FakeClock()
  readonly link: ComponentLink
  readonly stanzas: XmlElement[] = []
  readonly lost: { reason: string; retryInMs: number }[] = []
  readonly skipped: string[] = []
  readonly downs: string[] = []
  ups = 0
  missed = 0
  /** Answers every request. */
  answering = false
  fraction = 0.5
  #ids = 0

  constructor(service: string) {
    const random = { id: () => `id-${++this.#ids}`, fraction: () => this.fraction }
    this.link = new ComponentLink({ service, domain: DOMAIN, secret: 'secret', bounds: BOUNDS }, this.clock, random, {
      lost: (reason, retryInMs) => this.lost.push({ reason, retryInMs }),
      skipped: (reason) => this.skipped.push(reason),
    })
  }

  start(): this {
    this.link.start({
      up: () => this.ups++,
      stanza: (stanza) => {
        if (this.answering) this.link.send(iqResult(stanza))
        else this.stanzas.push(stanza)
      },
      down: (reason) => this.downs.push(reason),
      missed: () => this.missed++,
    })
    return this
  }

  online(times = 1): Promise<unknown> {
    return until(() => this.ups >= times && this.link.online, 3000, `to be online the ${times}. time`)
  }

  /** Until it was lost that many times. */
  offline(times: number): Promise<unknown> {
    return until(
      () => this.lost.length >= times,
      3000,
      `to be lost the ${times}. time; was ${JSON.stringify(this.lost)}`,
    )
  }

  async retry(): Promise<void> {
    await this.clock.passing(this.lost.at(-1)?.retryInMs ?? 0)
  }
}

describe('ComponentLink', () => {
  const unexpected: unknown[] = []
  const note = (error: unknown) => void unexpected.push(error)
  let server: HostileServer | undefined
  let watched: Watched | undefined

  before(() => {
    process.on('unhandledRejection', note)
    process.on('uncaughtExceptionMonitor', note)
  })
  after(() => {
    process.off('unhandledRejection', note)
    process.off('uncaughtExceptionMonitor', note)
  })
  afterEach(async () => {
    try {
      if (watched) {
        const stopped = watched.link.stop()
        await watched.clock.passing(10_000)
        await stopped
        assert.equal(watched.clock.timers, 0, 'timers are left after stop()')
      }
      for (const { socket } of server?.connections ?? []) socket.resume()
      const left = server?.connections ?? []
      const ended = () => left.every(({ socket }) => socket.readableEnded || socket.destroyed)
      await until(ended, 3000, 'the sockets to end')
    } finally {
      await server?.stop()
    }
    watched = undefined
    server = undefined
    await sleep(5)
    assert.deepEqual(unexpected.splice(0), [])
  })

  async function meet(behave: (connection: Connection) => void): Promise<{ link: Watched; server: HostileServer }> {
    server = await HostileServer.start(behave)
    watched = new Watched(server.service).start()
    return { link: watched, server }
  }

  it('comes online, takes stanzas in, sends with its own address, and stops in order', async () => {
    const { link, server } = await meet(accepting(({ socket }) => socket.write(`<presence from='a@b/c'/>`)))
    await link.online()
    await until(() => link.stanzas.length === 1)
    link.link.send(xml('presence', { to: 'a@b' }))
    const [connection] = server.connections
    await until(() => connection?.received.includes('<presence to="a@b" from="presence.example.org"/>'))
    await link.link.stop()
    assert(connection?.received.endsWith(STREAM_END))
    assert.equal(link.link.online, false)
    assert.deepEqual(link.downs, ['stopped'])
    assert.deepEqual(link.lost, [])
  })

  it('takes in stanzas that come in one packet with the handshake', async () => {
    const { link } = await meet(atHandshake((socket) => socket.write(`${ACCEPTED}<presence from='a@b/c'/>`)))
    await link.online()
    assert.equal(link.stanzas.length, 1)
  })

  describe('before it is online', () => {
    const faults: [string, (connection: Connection) => void, RegExp][] = [
      ['resets at once', ({ socket }) => void socket.resetAndDestroy(), /./],
      ['closes at once', ({ socket }) => void socket.end(), /closed|ended/],
      ['resets after the stream header', ({ socket }) => void socket.once('data', () => socket.resetAndDestroy()), /./],
      ['resets at the handshake', atHandshake((socket) => socket.resetAndDestroy()), /./],
      ['speaks HTTP', ({ socket }) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /./],
      ['sends random bytes', ({ socket }) => void socket.write(Buffer.from([0, 255, 254, 1, 60, 0])), /./],
      ['sends a DOCTYPE', ({ socket }) => void socket.write('<!DOCTYPE stream><stream:stream>'), /DOCTYPE/],
      ['opens another kind of stream', ({ socket }) => void socket.write('<stream:stream>'), /not an XMPP stream/],
      [
        'does not accept the secret',
        atHandshake((s) => s.write(error('not-authorized') + STREAM_END)),
        /not-authorized/,
      ],
      [
        'knows no such component',
        ({ socket }) => void socket.write(HEADER + error('host-unknown') + STREAM_END),
        /host-unknown/,
      ],
      ['has that component already', atHandshake((s) => s.write(error('conflict') + STREAM_END)), /conflict/],
      ['ends the stream at the handshake', atHandshake((s) => s.write(STREAM_END)), /closed the stream/],
      ['ends the stream and the connection', atHandshake((s) => s.end(STREAM_END)), /closed/],
      ['opens the stream twice', atHandshake((s) => s.write(HEADER)), /./],
      ['sends &foo; before it accepts', atHandshake((s) => s.write('<handshake>&foo;</handshake>')), /./],
    ]
    for (const [what, behave, reason] of faults) {
      it(`connects again when the server ${what}`, async () => {
        const { link, server } = await meet((connection) => (connection.number < 3 ? behave : accepting())(connection))
        for (let times = 1; times <= 3; times++) {
          await link.offline(times)
          assert.match(link.lost.at(-1)?.reason ?? '', reason)
          await link.retry()
        }
        await link.online()
        assert.equal(server.connections.length, 4)
        assert.deepEqual(link.downs, [], 'it was never up')
      })
    }

    const silences: [string, (connection: Connection) => void][] = [
      ['never answers the stream header', () => {}],
      ['never answers the handshake', atHandshake(() => {})],
      ['answers the handshake with something else', atHandshake((socket) => socket.write('<message/>'))],
      ['sends half a stream header', ({ socket }) => void socket.write('<stream:stream xmlns')],
      ['sends white space only', atHandshake((socket) => socket.write('   \n'))],
    ]
    for (const [what, behave] of silences) {
      it(`gives a server that ${what} 5 s`, async () => {
        const { link, server } = await meet((connection) =>
          (connection.number === 0 ? behave : accepting())(connection),
        )
        await until(() => server.connections[0]?.received.includes('<stream:stream'))
        await sleep(30)
        await link.clock.passing(4999)
        assert.equal(link.lost.length, 0)
        await link.clock.passing(1)
        assert.equal(link.lost.length, 1)
        assert.match(link.lost[0]?.reason ?? '', /no answer/)
        await link.retry()
        await link.online()
      })
    }

    it('connects again when nobody listens', async () => {
      const [port = 0] = await freePorts(1)
      watched = new Watched(`xmpp://127.0.0.1:${port}`).start()
      for (let times = 1; times <= 5; times++) {
        await watched.offline(times)
        assert.match(watched.lost.at(-1)?.reason ?? '', /ECONNREFUSED/)
        await watched.retry()
      }
    })

    it('connects again when there is no such host', async function () {
      this.timeout(20_000)
      watched = new Watched('xmpp://no-such-host.invalid:5347').start()
      await until(() => watched?.lost.length, 15_000)
    })
  })

  describe('while it is online', () => {
    const faults: [string, string, RegExp][] = [
      ['&foo;', '<presence>&foo;</presence>', /./],
      ['&#1;', '<presence>&#1;</presence>', /./],
      ['a DOCTYPE', '<!DOCTYPE x>', /./],
      ['a comment', '<!-- x -->', /comment/],
      ['a processing instruction', '<?x y?>', /processing/],
      ['tags that do not match', '<presence></iq>', /./],
      ['bytes after the end of the stream', `${STREAM_END}<presence from='a@b/c'/>`, /./],
      ['another stream after the end of the first', STREAM_END + HEADER, /./],
      ['a conflict', error('conflict') + STREAM_END, /conflict/],
      ['an error without a condition', '<stream:error/>', /undefined-condition/],
      ['more than 1 MiB of a stanza', `<message>${'x'.repeat(1_200_000)}`, /1048576/],
      ['the end of its stream, but not of TCP', STREAM_END, /closed the stream/],
    ]
    for (const [what, bytes, reason] of faults) {
      it(`connects again after ${what}`, async () => {
        const { link } = await meet(accepting(({ socket, number }) => number < 2 && socket.write(bytes)))
        for (let times = 1; times <= 2; times++) {
          await link.offline(times)
          assert.equal(link.link.online, false)
          assert.match(link.lost.at(-1)?.reason ?? '', reason)
          assert.equal(link.downs.length, times)
          await link.retry()
        }
        await link.online(3)
        assert.deepEqual(link.stanzas, [])
      })
    }

    for (const how of ['resets', 'ends'] as const) {
      it(`connects again when the connection ${how}`, async () => {
        const { link } = await meet(
          accepting(
            ({ socket, number }) => number === 0 && (how === 'resets' ? socket.resetAndDestroy() : socket.end()),
          ),
        )
        await link.offline(1)
        await link.retry()
        await link.online(2)
      })
    }

    const harmless: [string, string][] = [
      [`from='user@/r'`, `<presence from='user@/r'/>`],
      [`to='@'`, `<presence from='a@b/c' to='@'/>`],
      ['an iq without an id', `<iq type='get' from='a@b'/>`],
      ['an iq of no type', `<iq from='a@b' id='1'/>`],
      ['a result that nobody asked for', `<iq type='result' from='a@b' id='id-99'/>`],
      ['a result without an id', `<iq type='result' from='a@b'/>`],
      ['an error that nobody asked for', `<iq type='error' from='a@b' id='__proto__'/>`],
      ['an unknown element', '<hello/>'],
      ['an element of another namespace', `<presence xmlns='urn:x' from='a@b/c'/>`],
      ['a second handshake', '<handshake/>'],
      ['features', '<stream:features/>'],
      ['a stanza that is too long', `<message>${'x'.repeat(70_000)}</message>`],
      ['a stanza 3,000 deep', `${'<message>'.repeat(3000)}${'</message>'.repeat(3000)}`],
      ['white space', '   \n\n   '],
      ['emoji', '<message>😀</message>'],
    ]
    it('stays online through everything that is merely odd', async () => {
      const { link, server } = await meet(accepting())
      await link.online()
      for (const [, bytes] of harmless) server.connections[0]?.socket.write(bytes)
      server.connections[0]?.socket.write(`<presence from='last@b/c'/>`)
      await until(() => link.stanzas.some(({ attrs }) => attrs.from === 'last@b/c'))
      assert.equal(link.link.online, true)
      assert.deepEqual(link.lost, [])
      assert.deepEqual(link.skipped, ['too-long', 'too-deep'])
      assert(
        !link.stanzas.some(({ name, attrs }) => name === 'iq' && (attrs.type === 'result' || attrs.type === 'error')),
      )
    })

    it('notices within 45 s that a server has gone silent, and not before it was asked', async () => {
      const { link, server } = await meet(accepting())
      await link.online()
      const before = link.clock.now()
      await link.clock.passing(19_000)
      assert(!server.connections[0]?.received.includes('urn:xmpp:ping'))
      while (link.lost.length === 0 && link.clock.now() - before < 120_000) await link.clock.passing(1000)
      assert(link.clock.now() - before <= 45_000, `${link.clock.now() - before} ms`)
      assert.match(link.lost[0]?.reason ?? '', /no answer for/)
      await link.retry()
      await link.online(2)
    })

    it('keeps a quiet server that answers pings', async () => {
      const { link } = await meet((connection) => {
        accepting()(connection)
        let answered = 0
        connection.socket.on('data', () => {
          const pings = [...connection.received.matchAll(/<iq [^>]*id="([^"]+)"/g)].slice(answered)
          answered += pings.length
          for (const [, id] of pings) connection.socket.write(`<iq type='result' from='${DOMAIN}' id='${id}'/>`)
        })
      })
      await link.online()
      for (let i = 0; i < 40; i++) {
        await link.clock.passing(5000)
        await sleep(3)
      }
      assert.deepEqual(link.lost, [])
    })

    it('gives up a server that does not read, before 8 MiB wait', async () => {
      const { link } = await meet((connection) => {
        accepting(({ socket }) => {
          if (connection.number === 0) socket.pause()
        })(connection)
      })
      await link.online()
      const before = process.memoryUsage().rss
      let sent = 0
      const stanza = 'x'.repeat(10_000)
      while (link.link.online && sent < 5000) {
        link.link.send(xml('message', { to: 'a@b' }, stanza))
        if (++sent % 100 === 0) await sleep(1)
      }
      assert.equal(link.link.online, false, `${sent * 10} kB were taken`)
      assert.match(link.lost[0]?.reason ?? '', /does not read/)
      assert(process.memoryUsage().rss - before < 100 * 1024 * 1024)
      await link.retry()
      await link.online(2)
    })

    it('lets everything else have its turn after each packet, however much there is to read', async () => {
      let turn = 0
      const turns = new Map<number, number>()
      let counting = setImmediate(function count() {
        turn++
        counting = setImmediate(count)
      })
      const { link } = await meet(
        accepting(({ socket }) => socket.write(`<message>${'x'.repeat(1000)}</message>`.repeat(8000))),
      )
      link.stanzas.push = () => turns.set(turn, (turns.get(turn) ?? 0) + 1).size
      const taken = () => [...turns.values()].reduce((sum, count) => sum + count, 0)
      await until(() => taken() === 8000, 10_000, 'all stanzas')
      clearImmediate(counting)
      // A packet is 64 KiB; without turns libuv reads 32 of them.
      assert(Math.max(...turns.values()) <= 2 * 65, `${Math.max(...turns.values())} stanzas in one turn`)
    })

    it('stops reading while its answers pile up, and loses none of them', async () => {
      const asked = 20_000
      const padding = 'x'.repeat(600)
      const { link, server } = await meet(accepting(({ socket }) => socket.pause()))
      link.answering = true
      await link.online()
      const connection = server.connections[0]
      assert(connection)
      for (let i = 0; i < asked; i++)
        connection.socket.write(`<iq type='get' from='a@b/c' id='flood-${i}-${padding}'><ping/></iq>`)
      await sleep(300)
      connection.socket.resume()
      await until(() => connection.received.includes(`flood-${asked - 1}-${padding}"`), 10_000, 'the last answer')
      assert.equal(connection.received.split('flood-').length - 1, asked)
      assert.deepEqual(link.lost, [])
    })

    it('frees whoever waits for the drain when the link goes', async () => {
      const { link, server } = await meet(accepting(({ socket }) => socket.pause()))
      await link.online()
      for (let i = 0; i < 300; i++) link.link.send(xml('message', { to: 'a@b' }, 'x'.repeat(10_000)))
      const drained = link.link.drained()
      server.connections[0]?.socket.resetAndDestroy()
      await drained
    })
  })

  describe('beside another link of this component', () => {
    /** Gives back what the component sends to itself, but for every message of which `lost` is true. */
    const echoing = (lost: (index: number) => boolean) => (connection: Connection) => {
      let given = 0
      accepting(({ socket }) => {
        socket.on('data', () => {
          const sent = [...connection.received.matchAll(/<message to="([^"]+)" id="([^"]+)" from="[^"]+"\/>/g)]
          for (const [, to, id] of sent.slice(given)) {
            if (!lost(given++)) socket.write(`<message to='${to}' from='${to}' id='${id}'/>`)
          }
        })
      })(connection)
    }

    for (const [which, lost] of [
      ['the first', (i: number) => i === 0],
      ['one in the middle', (i: number) => i === 7],
      ['every other', (i: number) => i % 2 === 1],
    ] as const) {
      it(`gives way, as after a conflict, where ${which} of its messages to itself went to the other`, async () => {
        const { link } = await meet(echoing(lost))
        await link.offline(1)
        assert.match(link.lost[0]?.reason ?? '', /conflict/)
        // Half of the longest delay after a first refusal.
        assert.equal(link.lost[0]?.retryInMs, 500)
        assert.deepEqual(link.stanzas, [])
      })
    }

    it('stays where all come back, and takes nobody else for itself', async () => {
      const { link, server } = await meet(echoing(() => false))
      await link.online()
      const { socket } = server.connections[0] ?? {}
      await until(() => server.connections[0]?.received.includes('id="id-1.31"'))
      socket?.write(`<message from='a@b' id='id-1.99'/><message from='example.org' id='id-2.3'/>`)
      await until(() => link.stanzas.length === 2)
      assert.deepEqual(link.lost, [])
      assert.equal(link.missed, 0)
    })

    it('tells that it may have missed something when what the other sent to itself comes', async () => {
      const { link, server } = await meet(echoing(() => false))
      await link.online()
      await until(() => server.connections[0]?.received.includes('id="id-1.31"'))
      server.connections[0]?.socket.write(`<message from='${DOMAIN}' to='${DOMAIN}' id='other.3'/>`)
      await until(() => link.missed === 1)
      assert.deepEqual([link.lost, link.stanzas], [[], []])
    })
  })

  describe('a request', () => {
    const query = () => xml('query', { xmlns: 'urn:q' })

    it('gets the result of the one who was asked, not of another', async () => {
      const { link, server } = await meet(accepting())
      await link.online()
      const answer = link.link.request('example.org', 'get', query())
      const socket = server.connections[0]?.socket
      for (const from of [`from='evil.example'`, `from='example.org/x'`, `from='a@example.org'`, '']) {
        socket?.write(`<iq type='result' id='id-2' ${from}><forged xmlns='urn:q'/></iq>`)
      }
      socket?.write(`<iq type='result' id='id-3' from='example.org'><forged xmlns='urn:q'/></iq>`)
      socket?.write(`<iq type='result' id='id-2' from='example.org'><right xmlns='urn:q'/></iq>`)
      const result = await answer
      assert(result.kind === 'result')
      assert.equal(result.payload?.name, 'right')
    })

    it('gets the result of the user who was asked, in the spelling in which she logged in', async () => {
      const { link, server } = await meet(accepting())
      await link.online()
      const answer = link.link.request('élève@example.org/büro', 'get', query())
      const from = `from='ÉLÈVE@example.org/bu\u0308ro'`
      server.connections[0]?.socket.write(`<iq type='result' id='id-2' ${from}><right xmlns='urn:q'/></iq>`)
      assert.equal((await answer).kind, 'result')
    })

    it('gets the condition of an error', async () => {
      const { link, server } = await meet(accepting())
      await link.online()
      const answers = [1, 2].map(() => link.link.request('example.org', 'get', query()))
      const socket = server.connections[0]?.socket
      socket?.write(
        `<iq type='error' id='id-2' from='example.org'><query xmlns='urn:q'/><error type='cancel'>` +
          `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text>` +
          `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      )
      socket?.write(`<iq type='error' id='id-3' from='example.org'/>`)
      assert.deepEqual(await Promise.all(answers), [
        { kind: 'error', condition: 'service-unavailable' },
        { kind: 'error', condition: 'undefined-condition' },
      ])
    })

    it('times out after 10 s', async () => {
      const { link } = await meet(accepting())
      await link.online()
      let answer: unknown
      void link.link.request('example.org', 'get', query()).then((value) => {
        answer = value
      })
      await link.clock.passing(9999)
      assert.equal(answer, undefined)
      await link.clock.passing(1)
      assert.deepEqual(answer, { kind: 'timeout' })
    })

    it('fails at once when the link goes, is down, or has too many of them', async () => {
      const { link, server } = await meet(accepting())
      assert.deepEqual(await link.link.request('example.org', 'get', query()), { kind: 'link-down' })
      await link.online()
      const many = Array.from({ length: 10_000 }, () => link.link.request('example.org', 'get', query()))
      assert.deepEqual(await link.link.request('example.org', 'get', query()), { kind: 'link-down' })
      server.connections[0]?.socket.resetAndDestroy()
      for (const answer of await Promise.all(many)) assert.deepEqual(answer, { kind: 'link-down' })
      assert.deepEqual(await link.link.request('example.org', 'get', query()), { kind: 'link-down' })
    })

    it('is never answered by a later link', async () => {
      const { link, server } = await meet(
        accepting(
          ({ socket, number }) => number === 1 && socket.write(`<iq type='result' id='id-2' from='example.org'/>`),
        ),
      )
      await link.online()
      const answer = link.link.request('example.org', 'get', query())
      server.connections[0]?.socket.end()
      assert.deepEqual(await answer, { kind: 'link-down' })
      await link.offline(1)
      await link.retry()
      await link.online(2)
    })
  })

  describe('waits between attempts', () => {
    const attempts = async (behave: (connection: Connection) => void, count: number, fraction: number) => {
      const { link } = await meet(behave)
      link.fraction = fraction
      const waits: number[] = []
      for (let times = 1; times <= count; times++) {
        await link.offline(times)
        waits.push(link.lost.at(-1)?.retryInMs ?? 0)
        await link.retry()
      }
      return waits
    }

    it('longer and longer, up to 5 s', async () => {
      const waits = await attempts(({ socket }) => void socket.end(), 8, 0.999)
      assert.deepEqual(
        waits.map((ms) => Math.round(ms / 50) * 50),
        [250, 500, 1000, 2000, 4000, 5000, 5000, 5000],
      )
    })

    it('any part of that, so that many do not return in step', async () => {
      assert.deepEqual(await attempts(({ socket }) => void socket.end(), 3, 0), [0, 0, 0])
    })

    for (const condition of ['not-authorized', 'conflict']) {
      it(`up to 60 s after ${condition}`, async () => {
        const waits = await attempts(
          atHandshake((socket) => socket.write(error(condition))),
          11,
          0.999,
        )
        assert(waits.every((ms) => ms <= 60_000))
        assert((waits.at(-1) ?? 0) > 59_000)
      })
    }

    it('anew after each time online', async () => {
      const { link } = await meet((connection) =>
        connection.number < 6
          ? void connection.socket.end()
          : accepting(({ socket }) => socket.end(STREAM_END))(connection),
      )
      link.fraction = 0.999
      for (let times = 1; times <= 7; times++) {
        await link.offline(times)
        if (times < 7) await link.retry()
      }
      assert.equal(link.ups, 1)
      assert((link.lost.at(-1)?.retryInMs ?? 9999) <= 250)
    })
  })

  describe('stop()', () => {
    it('ends while it connects, while it waits, and before it began', async () => {
      const [port = 0] = await freePorts(1)
      const never = new Watched(`xmpp://127.0.0.1:${port}`)
      await never.link.stop()
      const connecting = new Watched(`xmpp://127.0.0.1:${port}`).start()
      await connecting.link.stop()
      const waiting = new Watched(`xmpp://127.0.0.1:${port}`).start()
      await waiting.offline(1)
      await waiting.link.stop()
      for (const { clock } of [never, connecting, waiting]) assert.equal(clock.timers, 0)
      await sleep(20)
      assert.equal(connecting.lost.length, 0)
    })

    for (const [what, behave] of [
      ['opens the stream', () => {}],
      ['authenticates', atHandshake(() => {})],
    ] as const) {
      it(`ends at once while it ${what}, and never connects again`, async () => {
        const { link, server } = await meet(behave)
        await until(() => server.connections[0]?.received.includes('<stream:stream'))
        await sleep(20)
        await link.link.stop()
        assert.equal(link.clock.timers, 0)
        await link.clock.passing(120_000)
        assert.equal(server.connections.length, 1)
      })

      it(`leaves no timer of the process behind while it ${what}`, async () => {
        using timers = new ProcessTimers()
        const { link, server } = await meet(behave)
        await until(() => server.connections[0]?.received.includes('<stream:stream'))
        await sleep(20)
        await link.link.stop()
        assert.equal(timers.waiting, 0)
      })
    }

    it('gives a server that never closes its stream 5 s', async () => {
      const { link, server } = await meet(atHandshake((socket) => socket.write(ACCEPTED)))
      await link.online()
      let ended = false
      const stopped = link.link.stop().then(() => {
        ended = true
      })
      await link.clock.passing(4999)
      assert.equal(ended, false)
      await link.clock.passing(1)
      await stopped
      assert(server.connections[0]?.received.endsWith(STREAM_END))
    })

    it('from what hears that the link is lost is the end, too', async () => {
      const [port = 0] = await freePorts(1)
      const clock = new FakeClock()
      let stopped = 0
      const random = { id: () => 'id', fraction: () => 0.5 }
      const options = { service: `xmpp://127.0.0.1:${port}`, domain: DOMAIN, secret: '', bounds: BOUNDS }
      const link = new ComponentLink(options, clock, random, {
        lost: () => void link.stop().then(() => stopped++),
        skipped: () => {},
      })
      link.start({ up() {}, stanza() {}, down() {}, missed() {} })
      await until(() => stopped === 1)
      assert.equal(clock.timers, 0, 'it will connect again')
    })

    it('asked twice ends twice', async () => {
      const { link } = await meet(accepting())
      await link.online()
      const both = Promise.all([link.link.stop(), link.link.stop()])
      await until(async () => (await Promise.race([both, sleep(1)])) !== undefined, 1000, 'both to end')
    })
  })
})

/** What is set by setTimeout and neither over nor cleared: each keeps the process from ending. */
class ProcessTimers implements Disposable {
  readonly #set = globalThis.setTimeout
  readonly #clear = globalThis.clearTimeout
  readonly #waiting = new Set<unknown>()

  constructor() {
    const set = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const handle = this.#set(() => {
        this.#waiting.delete(handle)
        run(...args)
      }, ms)
      this.#waiting.add(handle)
      return handle
    }
    globalThis.setTimeout = set as typeof globalThis.setTimeout
    globalThis.clearTimeout = (handle) => {
      this.#waiting.delete(handle)
      this.#clear(handle)
    }
  }

  get waiting(): number {
    return this.#waiting.size
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#set
    globalThis.clearTimeout = this.#clear
  }
}

function error(condition: string): string {
  return `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
}
