import { isUtf8 } from 'node:buffer'
import { SaxesParser, type SaxesTagPlain } from 'saxes'
import { XmlElement } from './xml-element.js'

export interface XmlStreamHandler {
  /** `<stream:stream …>` */
  opened(attrs: Readonly<Record<string, string>>): void
  /** A whole first-level element. */
  element(element: XmlElement): void
  /** A first-level element beyond the bounds was read past; nothing of it was kept. */
  skipped(reason: 'too-long' | 'too-deep'): void
  /** `</stream:stream>` */
  closed(): void
}

export interface XmlStreamBounds {
  /** Bytes of a first-level element; a longer one is skipped. */
  readonly elementBytes: number
  /** Levels below the stream; a deeper one is skipped. */
  readonly depth: number
  /** Bytes without the end of a first-level element, after which reading fails. */
  readonly fatalBytes: number
}

/** The design's bounds, for stanzas of at most so many bytes. */
export function streamBounds(stanzaBytes: number): XmlStreamBounds {
  return { elementBytes: stanzaBytes, depth: 64, fatalBytes: Math.max(1024 * 1024, stanzaBytes * 2) }
}

/** Thrown by `read`: whatever comes next cannot be trusted, the stream must be closed. */
export class XmlStreamError extends Error {
  override readonly name = 'XmlStreamError'
}

/** The namespaces in which servers and components write stanzas; read as the stream's own, ''. */
const STREAM_DEFAULTS = new Set(['jabber:component:accept', 'jabber:client', 'jabber:server'])
const STREAMS_NS = 'http://etherx.jabber.org/streams'
const NO_ATTRIBUTES = {}

/**
 * An XMPP stream (RFC 6120 §4) as elements. Strict: everything that is not well-formed, and what RFC 6120 §11.1 forbids
 * (DOCTYPE, comments, processing instructions), throws. Multi-byte characters may straddle chunks.
 */
export class XmlStreamReader {
  readonly #handler: XmlStreamHandler
  readonly #bounds: XmlStreamBounds
  readonly #parser = new SaxesParser({ xmlns: false })
  /** The begin of a character of which the rest is in the next chunk. */
  #cutOff = Buffer.alloc(0)
  #depth = 0
  #cursor: XmlElement | null = null
  /** The chunk being read, and where in it the present first-level element began. */
  #chunk = ''
  #begin = 0
  /** Bytes of the present first-level element in earlier chunks. */
  #carried = 0
  #skip: 'too-long' | 'too-deep' | null = null
  /** Ended, and not handed over yet: the parser reports an end before it complains that it is of another name. */
  #finished: XmlElement | 'too-long' | 'too-deep' | null = null
  #closed = false
  /** Characters read before the chunk: the parser counts from the begin of the stream. */
  #offset = 0

  constructor(handler: XmlStreamHandler, bounds: XmlStreamBounds) {
    this.#handler = handler
    this.#bounds = bounds
    const parser = this.#parser
    const refuse = (what: string) => () => {
      throw new XmlStreamError(`${what} in the stream`)
    }
    // Seven handlers, no more: with the eighth V8 keeps the parser as a dictionary, which reads at a fifth of the speed.
    // Without one for errors it throws them.
    parser.on('doctype', refuse('a DOCTYPE'))
    parser.on('comment', refuse('a comment'))
    parser.on('processinginstruction', refuse('a processing instruction'))
    parser.on('opentag', (tag) => this.#open(tag))
    parser.on('closetag', () => this.#close())
    parser.on('text', (text) => this.#text(text))
    parser.on('cdata', (text) => this.#text(text))
  }

  /** Throws XmlStreamError; nothing may be read after that. */
  read(bytes: Buffer): void {
    const chunk = this.#decode(bytes)
    if (this.#closed) {
      if (chunk.trim() === '') return
      throw new XmlStreamError('data after the end of the stream')
    }
    // White space between stanzas is a keep-alive and belongs to none. The parser would collect it.
    if (this.#depth < 2 && this.#carried === 0 && chunk.trim() === '') return
    this.#chunk = chunk
    this.#begin = 0
    this.#parse(chunk)
    this.#deliver()
    this.#offset += chunk.length
    const rest = chunk.slice(this.#begin)
    this.#chunk = ''
    if (this.#depth < 2 && this.#carried === 0 && rest.trim() === '') return
    this.#carried += Buffer.byteLength(rest)
    if (this.#carried > this.#bounds.fatalBytes) {
      throw new XmlStreamError(`${this.#bounds.fatalBytes} bytes without the end of a stanza`)
    }
    // What is too long already need not be kept while the rest of it is on its way.
    if (this.#cursor && this.#carried > this.#bounds.elementBytes) this.#drop('too-long')
  }

  #parse(chunk: string): void {
    try {
      this.#parser.write(chunk)
    } catch (error) {
      throw error instanceof XmlStreamError ? error : new XmlStreamError((error as Error).message)
    }
  }

  #decode(bytes: Buffer): string {
    const all = this.#cutOff.length === 0 ? bytes : Buffer.concat([this.#cutOff, bytes])
    const whole = all.subarray(0, all.length - cutOffBytes(all))
    // Faster than a TextDecoder that is told to be strict, which goes through ICU and makes two bytes of each character.
    if (!isUtf8(whole)) throw new XmlStreamError('bytes that are no UTF-8')
    this.#cutOff = Buffer.from(all.subarray(whole.length))
    return whole.toString()
  }

  #open(tag: SaxesTagPlain): void {
    this.#deliver()
    this.#depth++
    if (this.#depth === 1) {
      if (tag.name !== 'stream:stream' || tag.attributes['xmlns:stream'] !== STREAMS_NS) {
        throw new XmlStreamError('not an XMPP stream')
      }
      this.#next()
      return this.#handler.opened(tag.attributes)
    }
    if (this.#depth === 2) this.#skip = null
    if (!this.#skip && this.#depth - 1 > this.#bounds.depth) this.#drop('too-deep')
    if (this.#skip) {
      // The parser keeps every open tag for its name; what else is in it takes most of the memory.
      tag.attributes = NO_ATTRIBUTES
      return
    }
    this.#cursor = elementOf(tag, this.#cursor)
  }

  #text(text: string): void {
    if (this.#cursor) this.#cursor.text += text
    else if (this.#depth === 1) {
      if (text.trim() !== '') throw new XmlStreamError('text between stanzas')
      // White space between stanzas is reported at the '<' that ends it, where the next one begins.
      this.#next()
      this.#begin--
    }
  }

  #close(): void {
    this.#deliver()
    this.#depth--
    if (this.#depth === 0) {
      this.#closed = true
      return this.#handler.closed()
    }
    const element = this.#cursor
    this.#cursor = element?.parent ?? null
    if (this.#depth > 1) return
    if (!this.#skip && this.#isTooLong()) this.#skip = 'too-long'
    this.#next()
    this.#finished = this.#skip ?? element
  }

  /** Hands over what ended last, now that the parser has gone on and so found nothing wrong with its end. */
  #deliver(): void {
    const finished = this.#finished
    if (finished === null) return
    this.#finished = null
    if (typeof finished === 'string') this.#handler.skipped(finished)
    else this.#handler.element(finished)
  }

  /** The next first-level element begins here. */
  #next(): void {
    this.#begin = this.#parser.position - this.#offset
    this.#carried = 0
  }

  #isTooLong(): boolean {
    const end = this.#parser.position - this.#offset
    // One UTF-16 unit is at most three bytes of UTF-8: most elements need no second look.
    if (this.#carried + (end - this.#begin) * 3 <= this.#bounds.elementBytes) return false
    return this.#carried + Buffer.byteLength(this.#chunk.slice(this.#begin, end)) > this.#bounds.elementBytes
  }

  #drop(reason: 'too-long' | 'too-deep'): void {
    this.#skip = reason
    this.#cursor = null
  }
}

/** Servers declare namespaces as defaults; a prefix is looked up where one is used. */
function elementOf(tag: SaxesTagPlain, parent: XmlElement | null): XmlElement {
  const { name, attributes } = tag
  const declared = attributes.xmlns
  const inherited = parent === null ? '' : parent.defaultNs
  const defaultNs = declared === undefined ? inherited : STREAM_DEFAULTS.has(declared) ? '' : declared
  const colon = name.indexOf(':')
  if (colon < 0) return new XmlElement(name, defaultNs, attributes, parent, defaultNs)
  const prefix = `xmlns:${name.slice(0, colon)}`
  let ns = prefix === 'xmlns:stream' ? STREAMS_NS : attributes[prefix]
  for (let e = parent; e && ns === undefined; e = e.parent) ns = e.attrs[prefix]
  return new XmlElement(name.slice(colon + 1), ns ?? 'unbound', attributes, parent, defaultNs)
}

/** How many bytes at the end begin a character (RFC 3629 §3) of which more is to come. */
function cutOffBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return length > back ? back : 0
  }
  return 0
}
