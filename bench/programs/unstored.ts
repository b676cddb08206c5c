// From the bytes of a stream to the board, as in the gateway, without a store behind the board.
import { systemClock } from '../../src/ops/system-clock.js'
import { Domains } from '../../src/presence/domains.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { parsePresence } from '../../src/xmpp/stanzas.js'
import { streamBounds, XmlStreamReader } from '../../src/xmpp/xml-stream-reader.js'
import { answerCalls } from '../support/answer-calls.js'
import { presenceChunks } from '../support/presence-chunks.js'
import { SYNTHETIC_DOMAIN } from '../support/synthetic-presence.js'

const STREAM = `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='bench'>`
const TEXT_LIMIT = 1024

const domains = new Domains([SYNTHETIC_DOMAIN])
const board = new PresenceBoard(systemClock, { resources: 32, staleAfterMs: 900_000 })
board.linkUp()
let changes = 0
board.onChange(() => changes++)
const reader = new XmlStreamReader(
  {
    opened: () => {},
    element: (stanza) => {
      const said = parsePresence(stanza, systemClock, TEXT_LIMIT)
      if (said?.kind !== 'available' || !domains.has(said.from.domain)) throw new Error('not what was sent')
      board.put(said.from.bare, said.from.resource ?? '', said.presence)
    },
    skipped: (reason) => {
      throw new Error(reason)
    },
    closed: () => {},
  },
  streamBounds(65_536),
)
reader.read(Buffer.from(STREAM))
let sent = 0

answerCalls({
  /** Presences a second. */
  takeIn({ users, count }: { users: number; count: number }): number {
    const chunks = [...presenceChunks(sent, count, users)].map((text) => Buffer.from(text))
    sent += count
    const begin = performance.now()
    for (const chunk of chunks) reader.read(chunk)
    const seconds = (performance.now() - begin) / 1000
    // The last one is found when the next begins.
    if (sent - changes > 1) throw new Error(`the board took ${changes} presences of ${sent}`)
    return count / seconds
  },
})
