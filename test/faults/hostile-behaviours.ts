import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { ACCEPTED, accepting, atHandshake, type Connection, HEADER, STREAM_END } from '../support/hostile-server.js'
import { COMPONENT, DOMAIN, inChunks, PRIVILEGE, presenceOf, prosodyLike } from '../support/prosody-like.js'

export interface Hostility {
  /** A server that … */
  readonly what: string
  readonly behave: (connection: Connection) => void
  /** `lost`: the gateway must leave. `kept`: it must stay and go on listening. `any`: either. */
  readonly link: 'lost' | 'kept' | 'any'
  /** It takes the gateway seconds, as it should, to give up. */
  readonly slow?: boolean
  /** It is waited for longer each time. */
  readonly refuses?: boolean
}

const lost = (what: string, behave: Hostility['behave']): Hostility => ({ what, behave, link: 'lost' })
const slow = (what: string, behave: Hostility['behave']): Hostility => ({ what, behave, link: 'lost', slow: true })
const any = (what: string, behave: Hostility['behave']): Hostility => ({ what, behave, link: 'any' })
const refused = (what: string, behave: Hostility['behave']): Hostility => ({ ...lost(what, behave), refuses: true })
/** Merely odd: whatever `bytes` are, said by an otherwise good server. */
const kept = (what: string, bytes: () => Iterable<string>): Hostility => ({
  what,
  behave: (connection) => prosodyLike([PRIVILEGE, ...bytes()])(connection),
  link: 'kept',
})
/** Online, then these. */
const saying = (...bytes: (string | Buffer)[]) =>
  accepting(({ socket }) => {
    for (const part of bytes) socket.write(part)
  })

const ALICE = `alice@${DOMAIN}/r`
const MIB = 1024 * 1024
const LAUGHS = `<!DOCTYPE lol [<!ENTITY a "ha"><!ENTITY lol "&a;&a;&a;&a;&a;&a;&a;&a;">]>`

export const HOSTILITIES: readonly Hostility[] = [
  // Before it is online
  lost('resets on connect', ({ socket }) => void socket.resetAndDestroy()),
  lost('closes on connect', ({ socket }) => void socket.end()),
  lost(
    'resets after its stream header',
    ({ socket }) =>
      void socket.once('data', () => {
        socket.write(HEADER)
        setTimeout(() => socket.resetAndDestroy(), 20)
      }),
  ),
  slow('never sends a stream header', () => {}),
  {
    ...slow(
      'never answers the handshake',
      atHandshake(() => {}),
    ),
    slow: false,
  },
  slow('sends its stream header a byte at a time', ({ socket }) => void trickle(socket, HEADER.repeat(20), 50)),
  lost('speaks HTTP', ({ socket }) => void socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')),
  lost('speaks TLS', ({ socket }) => void socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]))),
  lost('compresses', ({ socket }) => void socket.write(gzipSync(HEADER))),
  lost('sends random bytes', ({ socket }) => void socket.write(noise(50_000))),
  lost('begins with a DOCTYPE', ({ socket }) => void socket.write(LAUGHS + HEADER.slice(21))),
  lost(
    'opens a stream of an unknown namespace',
    ({ socket }) => void socket.write(`<stream:stream xmlns:stream='urn:x' xmlns='jabber:component:accept' id='1'>`),
  ),
  lost(
    'opens a stream with an unbound prefix',
    ({ socket }) => void socket.write(`<stream:stream xmlns='jabber:component:accept' id='1'>`),
  ),
  lost(
    'opens its stream twice',
    atHandshake((socket) => socket.write(HEADER + HEADER)),
  ),
  lost('knows no such component', ({ socket }) => void socket.write(HEADER + streamError('host-unknown'))),
  lost(
    'refuses the secret',
    atHandshake((socket) => socket.write(streamError('not-authorized'))),
  ),
  lost(
    'answers the handshake with 2 MiB',
    atHandshake((socket) => socket.write(`<handshake>${text(2 * MIB)}`)),
  ),
  any('names another stream than it opened', ({ socket }) => {
    let step = 0
    socket.on('data', () =>
      socket.write(step++ === 0 ? HEADER.replace("id='s1'", `id='&quot;${'0'.repeat(9999)}'`) : ACCEPTED),
    )
  }),

  // What ends @xmpp/component, or makes it deaf
  lost('sends &foo;', saying(presenceOf(ALICE, '<status>&foo;</status>'))),
  lost('sends &#1;', saying(presenceOf(ALICE, '<status>&#1;</status>'))),
  lost('sends half of a surrogate pair by number', saying(presenceOf(ALICE, '<status>&#xD800;</status>'))),
  lost('sends a DOCTYPE', saying(LAUGHS, presenceOf(ALICE, '<status>&lol;</status>'))),
  lost('sends a comment', saying('<!-- x -->')),
  lost('sends a processing instruction', saying('<?php x ?>')),
  lost('sends bytes after the end of its stream', saying(`${STREAM_END}${presenceOf(ALICE)}garbage <<<`)),
  lost('ends its stream, but not the connection', saying(STREAM_END)),
  lost('sends what is no UTF-8', saying(presenceOf(ALICE).slice(0, -11), Buffer.from([0xff, 0xfe, 0xc0, 0x80]))),
  lost('sends tags that do not match', saying('<presence><show>away</presence></show>')),
  lost('sends an attribute twice', saying(`<presence from='a@${DOMAIN}/x' from='b@${DOMAIN}/x'/><message/>`)),
  refused('throws us out', saying(streamError('conflict'))),
  lost('ends by an error without a name', saying('<stream:error/>')),

  // Endless
  lost('sends a stanza of 2 MiB', saying(presenceOf(ALICE, `<status>${text(2 * MIB)}</status>`))),
  lost('opens a million tags', saying('<a>'.repeat(1_000_000))),
  lost('never ends an attribute', saying(`<presence from='${text(2 * MIB)}`)),
  lost('never ends a name', saying(`<${text(2 * MIB)}`)),
  lost('never ends a tag', saying('<presence', ...manyAttributes(2 * MIB))),
  lost('never ends its CDATA', saying(`<message><body><![CDATA[${text(2 * MIB)}`)),
  lost('sends text and no tag', saying(text(2 * MIB))),
  any('asks and never reads an answer', (connection) =>
    accepting(({ socket }) => {
      socket.pause()
      void pour(socket, questions(200_000))
    })(connection),
  ),
  slow('goes silent once it is online', (connection) => accepting(({ socket }) => socket.pause())(connection)),

  // Merely odd, or what users can make a good server send
  kept('names senders that are no JIDs', () =>
    ['user@/r', '@', '', `@${DOMAIN}`, 'user@', '/r', `a@b@${DOMAIN}/r`, `${text(5000)}@${DOMAIN}/r`].map((jid) =>
      presenceOf(jid),
    ),
  ),
  kept('names receivers that are no JIDs', () => [`<presence from='bob@${DOMAIN}/r' to='@'/>`]),
  kept('sends stanzas 3,000 and 30,000 deep', () =>
    [3000, 30_000].map((depth) => presenceOf(ALICE, '<a>'.repeat(depth) + '</a>'.repeat(depth))),
  ),
  kept('sends statuses of 200 KiB', () => Array(50).fill(presenceOf(ALICE, `<status>${text(200 * 1024)}</status>`))),
  kept('redefines namespaces and uses unbound prefixes', () => [
    `<presence xmlns='urn:x' from='${ALICE}'/>`,
    `<x:presence from='${ALICE}'/>`,
    `<stream:presence xmlns:stream='urn:y' from='${ALICE}'/>`,
    presenceOf(
      ALICE,
      `<y:show xmlns:y='urn:y'>${'<y:a>'.repeat(30)}${'</y:a>'.repeat(30)}</y:show><z:status>no</z:status>`,
    ),
  ]),
  kept('accepts us again and again', () => Array(1000).fill(ACCEPTED)),
  { what: 'answers in the name of others, and what nobody asked', behave: accepting(forge), link: 'kept' },
  kept('asks without an id, a sender or a type', () => [
    `<iq/><iq type='get'/><iq type='get' id='1'/><iq type='get' id='2' from='@'><x/></iq><iq from='a@b' id='3'/>`,
    `<iq type='result' id='__proto__' from='${DOMAIN}'/><message/><presence/><presence type='error'/><hello/>`,
  ]),
  kept('asks 50,000 things at once', () => questions(50_000)),
  kept('sends 50,000 subscription requests at once', () =>
    repeat(50_000, (n) => presenceOf(`s${n}@${DOMAIN}`, '', n % 2 ? 'unsubscribed' : 'subscribe')),
  ),
  kept('sends 10,000 resources of one user', () =>
    repeat(10_000, (n) => presenceOf(`many@${DOMAIN}/${n}`, `<priority>${n % 100}</priority>`)),
  ),
  {
    what: 'sends a byte at a time',
    behave: accepting(({ socket }) => {
      socket.setNoDelay(true)
      for (const byte of Buffer.from(PRIVILEGE + presenceOf(ALICE, '<status>é😀</status>')))
        socket.write(Buffer.of(byte))
    }),
    link: 'kept',
  },
]

function* repeat(count: number, make: (n: number) => string): Generator<string> {
  for (let n = 0; n < count; n++) yield make(n)
}

function questions(count: number): Iterable<string> {
  const query = `<query xmlns='http://jabber.org/protocol/disco#info'/>`
  return repeat(count, (n) => `<iq type='get' id='q${n}' from='u@${DOMAIN}/r' to='${COMPONENT}'>${query}</iq>`)
}

/** To each request results from everybody but the one who was asked; and results with ids that might be next. */
function forge({ socket }: Connection): void {
  const senders = [`from='evil.example'`, '', `from='${DOMAIN}/x'`, `from='${COMPONENT}'`, `from='a@${DOMAIN}'`]
  socket.write(PRIVILEGE)
  for (let id = 0; id < 1000; id++) socket.write(`<iq type='result' id='${id}' from='${DOMAIN}'/>`)
  socket.on('data', (data) => {
    for (const [, id] of data.toString().matchAll(/<iq [^>]*id="([^"]+)"/g)) {
      for (const sender of senders) socket.write(`<iq type='result' id='${id}' ${sender}/>`)
    }
  })
}

function streamError(condition: string): string {
  return `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>${STREAM_END}`
}

function text(bytes: number): string {
  return 'x'.repeat(bytes)
}

function manyAttributes(bytes: number): string[] {
  const attributes: string[] = []
  for (let n = 0; n < bytes / 14; n++) attributes.push(` a${n}='${n}'`)
  return [attributes.join('')]
}

/** The same each time. */
function noise(bytes: number): Buffer {
  const noise = Buffer.alloc(bytes)
  for (let i = 0, state = 1; i < bytes; i++) {
    state = (state * 48_271) % 0x7fffffff
    noise[i] = state & 255
  }
  return noise
}

async function trickle(socket: Socket, bytes: string, everyMs: number): Promise<void> {
  for (const byte of bytes) {
    if (socket.destroyed) return
    socket.write(byte)
    await sleep(everyMs)
  }
}

/** As fast as it is read, until it is not. */
async function pour(socket: Socket, parts: Iterable<string>): Promise<void> {
  for (const chunk of inChunks(parts)) {
    if (socket.destroyed) return
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
}
