import type { XmlElement } from '../../src/xmpp/xml-element.js'
import { streamBounds, XmlStreamReader } from '../../src/xmpp/xml-stream-reader.js'
import { ACCEPTED, type Connection, HEADER } from './hostile-server.js'
import { until } from './until.js'

export const COMPONENT = 'presence.example.org'
export const DOMAIN = 'example.org'
export const PRIVILEGE = privilegeOf(DOMAIN)

/** What its host answers to disco#info. */
export const PROSODY_INFO =
  `<query xmlns='http://jabber.org/protocol/disco#info'>` +
  `<identity category='server' type='im' name='Prosody'/></query>`
const CHUNK_CHARACTERS = 64 * 1024
let asked = 0

/** Accepts whatever secret, says `replay`, and answers each request after what was said before it: like Prosody, users aside. */
export function prosodyLike(replay: Iterable<string> = [PRIVILEGE]): (connection: Connection) => void {
  return ({ socket }) => {
    const element = ({ name, attrs, children }: XmlElement) => {
      if (name === 'handshake') {
        socket.write(ACCEPTED)
        for (const chunk of inChunks(replay)) socket.write(chunk)
      } else if (name === 'iq' && (attrs.type === 'get' || attrs.type === 'set')) {
        const payload = children[0]?.ns.endsWith('#info') ? PROSODY_INFO : ''
        socket.write(`<iq type='result' id='${attrs.id}' from='${attrs.to}' to='${COMPONENT}'>${payload}</iq>`)
      }
    }
    const reader = new XmlStreamReader(
      { opened: () => socket.write(HEADER), element, skipped() {}, closed: () => socket.end('</stream:stream>') },
      streamBounds(64 * 1024),
    )
    socket.on('data', (bytes) => reader.read(bytes))
  }
}

/** What the domain lets the component see of its users: all (XEP-0356), or nothing. */
export function privilegeOf(
  domain: string,
  presence: 'managed_entity' | 'none' = 'managed_entity',
  component = COMPONENT,
): string {
  const permission = `<perm access='presence' type='${presence}'/>`
  return `<message from='${domain}' to='${component}'><privilege xmlns='urn:xmpp:privilege:2'>${permission}</privilege></message>`
}

/** Asks something, and waits for the answer: what was said before is taken in then. */
export async function allTakenIn(connection: Connection): Promise<void> {
  const id = `taken-in-${++asked}`
  connection.socket.write(
    `<iq type='get' id='${id}' from='${DOMAIN}' to='${COMPONENT}'><ping xmlns='urn:xmpp:ping'/></iq>`,
  )
  await until(() => connection.received.includes(id), 60_000, 'the gateway to answer')
}

/** Bigger pieces of the same. */
export function* inChunks(parts: Iterable<string>): Generator<string> {
  let chunk = ''
  for (const part of parts) {
    chunk += part
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  if (chunk) yield chunk
}

/** Of a resource; `inside` is XML. */
export function presenceOf(jid: string, inside = '', type?: string): string {
  return `<presence from='${jid}' to='${COMPONENT}'${type === undefined ? '' : ` type='${type}'`}>${inside}</presence>`
}
