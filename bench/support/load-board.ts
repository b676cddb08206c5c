import { systemClock } from '../../src/ops/system-clock.js'
import type { PresenceBoard } from '../../src/presence/presence-board.js'
import { parsePresence } from '../../src/xmpp/stanzas.js'
import { streamBounds, XmlStreamReader } from '../../src/xmpp/xml-stream-reader.js'
import { presenceChunks } from './presence-chunks.js'

const STREAM = `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>`
const TEXT_LIMIT = 1024

/** One resource for each user, by the way that stanzas take: a string cut out of a chunk can keep the whole chunk in memory. */
export function loadBoard(board: PresenceBoard, users: number, device?: string): void {
  const reader = new XmlStreamReader(
    {
      opened: () => {},
      element: (stanza) => {
        const said = parsePresence(stanza, systemClock, TEXT_LIMIT)
        if (said?.kind === 'available') board.put(said.from.bare, said.from.resource ?? '', said.presence)
      },
      skipped: () => {},
      closed: () => {},
    },
    streamBounds(64 * 1024),
  )
  reader.read(Buffer.from(STREAM))
  for (const chunk of presenceChunks(0, users, users, device)) reader.read(Buffer.from(chunk))
  if (board.counts.offline > 0) throw new Error('not everybody is on the board')
}
