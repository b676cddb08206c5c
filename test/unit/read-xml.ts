import assert from 'node:assert/strict'
import type { XmlElement } from '../../src/xmpp/xml-element.js'
import { XmlStreamReader } from '../../src/xmpp/xml-stream-reader.js'

/** One stanza as it comes over the link. */
export function readStanza(xml: string): XmlElement {
  const elements: XmlElement[] = []
  const reader = new XmlStreamReader(
    { opened() {}, element: (element) => elements.push(element), skipped() {}, closed() {} },
    { elementBytes: 1 << 20, depth: 64, fatalBytes: 1 << 21 },
  )
  const header = `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>`
  reader.read(Buffer.from(header + xml))
  const [first] = elements
  assert(first && elements.length === 1)
  return first
}
