// A server as the gateway sees one (XEP-0114, XEP-0356), without users, disk or TLS: it writes as fast as it is read.
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { XmlElement } from '../../src/xmpp/xml-element.js'
import { streamBounds, XmlStreamReader } from '../../src/xmpp/xml-stream-reader.js'
import { PROSODY_INFO, privilegeOf } from '../../test/support/prosody-like.js'
import { answerCalls } from '../support/answer-calls.js'
import { presenceChunks } from '../support/presence-chunks.js'
import { steadyMs } from '../support/steady-ms.js'
import { SYNTHETIC_DOMAIN, syntheticPresence } from '../support/synthetic-presence.js'

const STREAM = `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='bench'>`
const TICK_MS = 1
// An answer that is still the old one after so long will not become the new one.
const PATIENCE_MS = 10_000

let socket: Socket | undefined
let online: () => void
const onlineOnce = new Promise<void>((resolve) => {
  online = resolve
})
let sent = 0
/** So many users are there when the gateway connects next. */
let replay = 0
let pings = 0
const pongs = new Map<string, () => void>()

answerCalls({
  async listen(): Promise<number> {
    const server = createServer(accept).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },

  online: () => onlineOnce,

  /** Writes the next `count` presences; done when the gateway has answered what was asked after the last. */
  async send({ users, count }: { users: number; count: number }): Promise<void> {
    for (const chunk of presenceChunks(sent, count, users)) await write(chunk)
    sent += count
    await ping()
  },

  changeSteadily,

  /** The same pace, followed by somebody else; returns when each presence was written, by the number in its text. */
  async changeTimed({ users, perSecond, seconds }: Pick<Steadily, 'users' | 'perSecond' | 'seconds'>) {
    const at: Record<number, number> = {}
    await steadily(perSecond, seconds, async () => {
      const n = sent++
      const presence = syntheticPresence(n, users)
      at[n] = steadyMs()
      await write(presence)
    })
    await ping()
    return at
  },

  async say(stanza: string): Promise<void> {
    await write(stanza)
    await ping()
  },

  /** Cuts the link; so many users are there again when the gateway is back. Done when they have been taken in. */
  async comeBack(users: number): Promise<void> {
    const back = new Promise<void>((resolve) => {
      online = resolve
    })
    replay = users
    socket?.destroy()
    await back
    await ping()
  },

  /** Everybody leaves, and returns. */
  async leaveAndReturn(users: number): Promise<void> {
    for (const chunk of presenceChunks(sent, users, users))
      await write(chunk.replaceAll(' to=', " type='unavailable' to="))
    for (const chunk of presenceChunks(sent, users, users)) await write(chunk)
    sent += users
    await ping()
  },

  /** Each second so many users say so much at once, in stanzas of such a size. */
  async burst({ users, bytes, stanzaBytes, seconds }: Burst): Promise<void> {
    const presences = Array.from(
      { length: users },
      (_, user) =>
        `<presence from='user${user}@${SYNTHETIC_DOMAIN}/burst' to='presence.localhost'>` +
        `<status>${user}${'😀'.repeat(stanzaBytes / 4)}</status></presence>`,
    )
    for (let second = 0; second < seconds; second++) {
      const next = sleep(1000)
      // Each says something else than before.
      for (let said = 0; said < bytes; said += stanzaBytes) {
        for (const presence of presences) await write(presence.replace('<status>', `<status>${second} ${said} `))
      }
      await next
    }
    await ping()
  },
})

function accept(connection: Socket): void {
  socket = connection.setNoDelay(true)
  connection.on('error', () => {})
  const reader = new XmlStreamReader(
    {
      opened: () => connection.write(STREAM),
      element,
      skipped: () => {},
      closed: () => connection.end('</stream:stream>'),
    },
    streamBounds(64 * 1024),
  )
  connection.on('data', (bytes) => reader.read(bytes))
}

function element({ name, attrs, children }: XmlElement): void {
  const { type, id = '', from, to } = attrs
  if (name === 'handshake') {
    socket?.write(`<handshake/>${privilegeOf(SYNTHETIC_DOMAIN, 'managed_entity', 'presence.localhost')}`)
    // At once, so that whatever is answered is answered after it.
    for (const chunk of presenceChunks(sent, replay, replay)) socket?.write(chunk)
    sent += replay
    replay = 0
    online()
  } else if (name === 'iq' && type === 'get') {
    const payload = children[0]?.name === 'query' ? PROSODY_INFO : ''
    socket?.write(`<iq type='result' id='${id}' from='${to}' to='${from ?? 'presence.localhost'}'>${payload}</iq>`)
  } else if (name === 'iq') pongs.get(id)?.()
}

async function write(text: string): Promise<void> {
  if (!socket) throw new Error('the gateway has not connected')
  if (!socket.write(text)) await once(socket, 'drain')
}

async function ping(): Promise<void> {
  const id = `ping-${++pings}`
  const pong = new Promise<void>((resolve) => pongs.set(id, resolve))
  await write(
    `<iq type='get' id='${id}' from='${SYNTHETIC_DOMAIN}' to='presence.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
  )
  await pong
  pongs.delete(id)
}

interface Burst {
  readonly users: number
  readonly bytes: number
  readonly stanzaBytes: number
  readonly seconds: number
}

interface Steadily {
  readonly users: number
  readonly perSecond: number
  readonly seconds: number
  /** Of so many changes one is followed. */
  readonly sampleOf: number
  /** What comes before the JID. */
  readonly statusUrl: string
}

/** Changes one user after another at a steady pace; returns of each followed one how many ms its answer took to change. */
async function changeSteadily({ users, perSecond, seconds, sampleOf, statusUrl }: Steadily): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const latencies: number[] = []
  const followed: Promise<void>[] = []
  await steadily(perSecond, seconds, async (n) => {
    const presence = syntheticPresence(sent++, users)
    await write(presence)
    if (n % sampleOf === 0) followed.push(follow(presence, performance.now()))
  })
  await Promise.all(followed)
  agent.destroy()
  return latencies

  async function follow(presence: string, writtenAt: number): Promise<void> {
    const jid = /from='([^/]+)/.exec(presence)?.[1] ?? ''
    const text = /<status>.*<\/status>/.exec(presence)?.[0] ?? ''
    while (!(await body(`${statusUrl}${jid}`, agent)).includes(text)) {
      if (performance.now() - writtenAt > PATIENCE_MS) throw new Error(`${jid} was never told to be: ${presence}`)
    }
    latencies.push(performance.now() - writtenAt)
  }
}

async function steadily(perSecond: number, seconds: number, change: (n: number) => Promise<void>): Promise<void> {
  const begin = performance.now()
  let written = 0
  for (const count = perSecond * seconds; written < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - begin) / 1000) * perSecond))
    for (; written < due; written++) await change(written)
    await sleep(TICK_MS)
  }
}

async function body(url: string, agent: Agent): Promise<string> {
  const [response] = await once(get(url, { agent }), 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}
