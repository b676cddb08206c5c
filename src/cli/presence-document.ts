import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { AvailableShow } from '../presence/presence.js'

/** What a status API answers, as it stands in its XML. */
export type PresenceDocument =
  | {
      readonly kind: 'presence'
      readonly from: string | null
      readonly show: AvailableShow | 'offline'
      readonly text: string | null
      /** Of last activity; null: not told. */
      readonly seconds: number | null
    }
  /** `condition`: RFC 6120 §8.3.3, such as `item-not-found` */
  | { readonly kind: 'error'; readonly condition: string }

/** It is no presence; the message says in which way. */
export class PresenceDocumentFault extends Error {
  override readonly name = 'PresenceDocumentFault'
}

interface Element {
  readonly name: string
  readonly attrs: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  readonly text: string
}

const CLIENT_NS = 'jabber:client'
const LAST_NS = 'jabber:iq:last'
const STANZAS_NS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const MAX_DEPTH = 32
const AVAILABLE: ReadonlySet<string> = new Set(['chat', 'away', 'xa', 'dnd'])
const DECLARATION =
  /^\ufeff?(?:<\?xml\s+version=(["'])1\.0\1(?:\s+encoding=(["'])[Uu][Tt][Ff]-8\2)?(?:\s+standalone=(["'])(?:yes|no)\3)?\s*\?>)?/
// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 §2.2 leaves them out.
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const PARSER = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Decoded here, and strictly: the library leaves what it does not know as it stands.
  processEntities: false,
  maxNestedTags: MAX_DEPTH,
})

/** Reads a presence of RFC 6121 §4.7 with XEP-0012's last activity, strictly. Throws PresenceDocumentFault. */
export function parsePresenceDocument(bytes: Uint8Array): PresenceDocument {
  const xml = decode(bytes).replace(DECLARATION, '')
  if (NOT_XML.test(xml)) fault('holds characters that XML forbids')
  // What a presence never holds, and what makes XML dangerous to read: DOCTYPE, comments, CDATA, instructions.
  if (xml.includes('<!')) fault('holds a DOCTYPE, a comment or CDATA')
  if (xml.includes('<?')) fault('holds a processing instruction')
  const root = readTree(xml)
  if (root.name !== 'presence') fault(`is a <${root.name.slice(0, 40)}>, not a <presence>`)
  if (root.attrs.xmlns !== CLIENT_NS) fault(`is a <presence> that is not in the namespace ${CLIENT_NS}`)
  return root.attrs.type === 'error' ? errorOf(root) : presenceOf(root)
}

function presenceOf(root: Element): PresenceDocument {
  const { type, from = null } = root.attrs
  if (type !== undefined && type !== 'unavailable') fault('is a presence of another type')
  const show = one(root, 'show', CLIENT_NS)?.text
  if (show !== undefined && !AVAILABLE.has(show)) fault('has an unknown <show>')
  const seconds = one(root, 'query', LAST_NS)?.attrs.seconds
  if (seconds !== undefined && !/^\d{1,15}$/.test(seconds)) fault('has seconds that are no number')
  const texts = root.children.filter((child) => is(child, 'status', CLIENT_NS))
  const text = texts.find(({ attrs }) => attrs['xml:lang'] === undefined) ?? texts[0]
  return {
    kind: 'presence',
    from,
    show: type === 'unavailable' ? 'offline' : ((show ?? 'online') as AvailableShow),
    text: text?.text || null,
    seconds: seconds === undefined ? null : Number(seconds),
  }
}

function errorOf(root: Element): PresenceDocument {
  const error = one(root, 'error', CLIENT_NS)
  const condition = error?.children.find(({ name, attrs }) => name !== 'text' && attrs.xmlns === STANZAS_NS)
  return { kind: 'error', condition: condition?.name ?? 'undefined-condition' }
}

function one(parent: Element, name: string, ns: string): Element | undefined {
  const [first, second] = parent.children.filter((child) => is(child, name, ns))
  if (second) fault(`has more than one <${name}>`)
  return first
}

/** Children without an xmlns of their own are in the root's. */
function is({ name, attrs }: Element, wanted: string, ns: string): boolean {
  return name === wanted && (attrs.xmlns ?? CLIENT_NS) === ns
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fault('is not UTF-8')
  }
}

/** The one element that the document is. */
function readTree(xml: string): Element {
  // Neither validator nor parser minds what follows the last element; inside another one it is seen.
  const wrapped = `<document>${xml}</document>`
  // The parser itself mends what is not well-formed. XML 1.0 §2.4 forbids `]]>`, which nobody looks for.
  if (xml.includes(']]>') || XMLValidator.validate(wrapped) !== true) fault('is not well-formed XML')
  const [document, second] = parse(wrapped).children
  const [root, another] = document?.children ?? []
  if (!root || another || second || document?.text.trim() !== '') return fault('is not one XML element')
  return root
}

function parse(xml: string) {
  try {
    return content(PARSER.parse(xml))
  } catch (error) {
    if (error instanceof PresenceDocumentFault) throw error
    // It throws on depth, and on names that it reserves.
    return fault('is not XML that a presence could be')
  }
}

/** The library's ordered form: `[{ "#text": … }, { name: [children], ":@": { "@attribute": … } }]`. */
function content(nodes: unknown): { children: Element[]; text: string } {
  const children: Element[] = []
  let text = ''
  for (const node of nodes as Record<string, unknown>[]) {
    for (const [name, value] of Object.entries(node)) {
      if (name === ':@') continue
      if (name === '#text') text += resolve(String(value))
      else children.push({ name, attrs: attributes(node[':@']), ...content(value) })
    }
  }
  return { children, text }
}

function attributes(written: unknown): Record<string, string> {
  const entries = Object.entries((written ?? {}) as Record<string, string>)
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(1), resolve(String(value))]))
}

/** The five names of XML and character numbers; anything else is a fault. */
function resolve(text: string): string {
  if (text.includes('<')) fault('is not well-formed XML')
  return text.replace(/&(?:#x([0-9a-f]{1,6});|#(\d{1,7});|([a-z]{2,4});)?/gi, (_, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? fault('holds an unknown entity')
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    if (!(code <= 0x10ffff)) return fault('is not well-formed XML')
    const character = String.fromCodePoint(code)
    return NOT_XML.test(character) ? fault('holds characters that XML forbids') : character
  })
}

function fault(message: string): never {
  throw new PresenceDocumentFault(message)
}
