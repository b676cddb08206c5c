import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import type { XmlElement } from '../../src/xmpp/xml-element.js'
import { type XmlStreamBounds, XmlStreamError, XmlStreamReader } from '../../src/xmpp/xml-stream-reader.js'

const KIB = 1024
const BOUNDS: XmlStreamBounds = { elementBytes: 64 * KIB, depth: 64, fatalBytes: 1024 * KIB }
const HEADER =
  `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' ` +
  `xmlns='jabber:component:accept' id='s1' from='presence.example.org'>`
const END = '</stream:stream>'

interface Plain {
  name: string
  ns: string
  attrs: Record<string, string>
  text: string
  children: Plain[]
}

type Event = { opened: Record<string, string> } | { element: Plain } | { skipped: string } | { closed: true }

function plain({ name, ns, attrs, text, children }: XmlElement): Plain {
  return { name, ns, attrs: { ...attrs }, text, children: children.map(plain) }
}

class Reading {
  readonly events: Event[] = []
  readonly #reader: XmlStreamReader

  constructor(bounds = BOUNDS) {
    this.#reader = new XmlStreamReader(
      {
        opened: (attrs) => this.events.push({ opened: { ...attrs } }),
        element: (element) => this.events.push({ element: plain(element) }),
        skipped: (reason) => this.events.push({ skipped: reason }),
        closed: () => this.events.push({ closed: true }),
      },
      bounds,
    )
  }

  read(bytes: Buffer | string): this {
    this.#reader.read(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    return this
  }

  get elements(): Plain[] {
    return this.events.flatMap((event) => ('element' in event ? [event.element] : []))
  }

  /** Of elements and skips, in order. */
  get names(): string[] {
    return this.events.flatMap((event) =>
      'element' in event ? [event.element.name] : 'skipped' in event ? [event.skipped] : [],
    )
  }
}

function readAll(bytes: Buffer | string): Reading {
  return new Reading().read(bytes)
}

function readCut(bytes: Buffer, cuts: readonly number[]): Reading {
  const reading = new Reading()
  const places = [...new Set([...cuts, bytes.length])].sort((a, b) => a - b)
  let begin = 0
  for (const end of places) {
    reading.read(bytes.subarray(begin, end))
    begin = end
  }
  return reading
}

/** An element of exactly so many bytes. */
function elementOf(bytes: number, letter = 'x', name = 'presence'): string {
  const frame = `<${name}></${name}>`.length
  const each = Buffer.byteLength(letter)
  const rest = bytes - frame
  return `<${name}>${letter.repeat(Math.floor(rest / each))}${'x'.repeat(rest % each)}</${name}>`
}

function nested(depth: number): string {
  return '<a>'.repeat(depth) + '</a>'.repeat(depth)
}

describe('XmlStreamReader', () => {
  describe('reads what a server writes', () => {
    const element = (xml: string) => {
      const [first] = readAll(HEADER + xml).elements
      assert(first)
      return first
    }

    it('tells of the opening with its attributes, and of the end', () => {
      const { events } = readAll(HEADER + END)
      assert.equal(events.length, 2)
      assert.equal((events[0] as { opened: Record<string, string> }).opened.id, 's1')
      assert.deepEqual(events[1], { closed: true })
    })

    it('gives names, attributes, text and children of a stanza', () => {
      assert.deepEqual(
        element(`<presence from="a@b/c"><show>away</show><status xml:lang='de'>weg</status></presence>`),
        {
          name: 'presence',
          ns: '',
          attrs: { from: 'a@b/c' },
          text: '',
          children: [
            { name: 'show', ns: '', attrs: {}, text: 'away', children: [] },
            { name: 'status', ns: '', attrs: { 'xml:lang': 'de' }, text: 'weg', children: [] },
          ],
        },
      )
    })

    const texts: [string, string, string][] = [
      ['the five entities', '&lt;&gt;&amp;&quot;&apos;', `<>&"'`],
      ['characters by number', '&#228;&#x1F600;', 'ä😀'],
      ['CDATA', '<![CDATA[<b>&amp;]]>', '<b>&amp;'],
      ['CDATA between text', 'a<![CDATA[b]]>c', 'abc'],
      ['emoji of several code points', '👩‍👩‍👧‍👦', '👩‍👩‍👧‍👦'],
      ['line ends as XML has them', 'a\r\nb\rc', 'a\nb\nc'],
      ['what looks like markup in CDATA', '<![CDATA[<!DOCTYPE x><!-- y --><?z?>]]>', '<!DOCTYPE x><!-- y --><?z?>'],
    ]
    for (const [what, xml, text] of texts) {
      it(`reads ${what}`, () => assert.equal(element(`<m>${xml}</m>`).text, text))
    }

    it('takes the namespaces of stanzas for the stream’s own', () => {
      for (const ns of ['jabber:component:accept', 'jabber:client', 'jabber:server']) {
        const presence = element(`<presence xmlns='${ns}'><show>xa</show></presence>`)
        assert.deepEqual([presence.ns, presence.children[0]?.ns], ['', ''])
      }
    })

    it('looks prefixes up where they are declared', () => {
      const outer = element(`<m xmlns:d='urn:d'><d:x><d:y/></d:x><e:z xmlns:e='urn:e'/></m>`)
      assert.equal(outer.children[0]?.ns, 'urn:d')
      assert.equal(outer.children[0]?.name, 'x')
      assert.equal(outer.children[0]?.children[0]?.ns, 'urn:d')
      assert.equal(outer.children[1]?.ns, 'urn:e')
    })

    it('leaves an element without a prefix in the default namespace, whatever prefix its parent has', () => {
      // Namespaces in XML §6.2: a prefix says nothing about the children.
      const outer = element(`<m xmlns:d='urn:d'><d:x><show/></d:x></m>`)
      assert.equal(outer.children[0]?.children[0]?.ns, '')
    })

    it('knows a stream error', () => {
      const error = element(`<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`)
      assert.deepEqual([error.name, error.ns], ['error', 'http://etherx.jabber.org/streams'])
      assert.equal(error.children[0]?.name, 'conflict')
    })

    it('reads attributes that are named like properties of every object', () => {
      const { attrs } = element(`<m constructor='a' toString='b' hasOwnProperty='c'/>`)
      assert.deepEqual(Object.entries(attrs), [
        ['constructor', 'a'],
        ['toString', 'b'],
        ['hasOwnProperty', 'c'],
      ])
    })
  })

  describe('wherever the network cuts', () => {
    const stanzas =
      `<presence from='ä@b/📱'><status>😀 &lt;3 &#x1F600;<![CDATA[ ]] > é]]></status></presence> \n` +
      `<p:iq xmlns:p='urn:p' a="&amp;'"><p:q/></p:iq><message/>`
    const stream = Buffer.from(HEADER + stanzas + END)

    it('delivers the same, cut in two at each byte', () => {
      const whole = readAll(stream).events
      assert.equal(whole.length, 5)
      for (let at = 1; at < stream.length; at++) assert.deepEqual(readCut(stream, [at]).events, whole, `cut at ${at}`)
    })

    it('delivers the same, byte by byte', () => {
      assert.deepEqual(readCut(stream, [...stream.keys()]).events, readAll(stream).events)
    })

    it('delivers the same, cut anywhere any number of times', () => {
      const whole = readAll(stream).events
      const cuts = fc.array(fc.nat(stream.length), { maxLength: 60 })
      fc.assert(fc.property(cuts, (places) => assert.deepEqual(readCut(stream, places).events, whole)))
    })

    it('brings 20,000 emoji statuses whole', () => {
      const faces = ['😀', '👩‍💻', '🏳️‍🌈', '🇩🇪', 'é', '漢', '𝒳']
      const expected: string[] = []
      const parts = [HEADER]
      for (let i = 0; i < 20_000; i++) {
        const text = faces.map((_, j) => faces[(i * 7 + j * 3) % faces.length]).join('')
        expected.push(`${i}${text}`)
        parts.push(`<presence><status>${i}${text}</status></presence>`)
      }
      const bytes = Buffer.from(parts.join(''))
      const reading = new Reading()
      let seed = 42
      for (let at = 0; at < bytes.length; ) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        const end = at + 1 + (seed % 1460)
        reading.read(bytes.subarray(at, end))
        at = end
      }
      assert.deepEqual(
        reading.elements.map(({ children }) => children[0]?.text),
        expected,
      )
    })
  })

  describe('skips what is too long, and nothing else', () => {
    for (const letter of ['x', 'é', '漢', '😀']) {
      it(`counts bytes, not characters, of ${letter}`, () => {
        const max = BOUNDS.elementBytes
        const fits = elementOf(max, letter)
        const xml = `${HEADER}${fits}${elementOf(max + 1, letter)}${fits}<message/>`
        assert.deepEqual(readAll(xml).names, ['presence', 'too-long', 'presence', 'message'])
      })
    }

    it('decides alike however the bytes come in', () => {
      const bounds = { elementBytes: 100, depth: 64, fatalBytes: 1000 }
      const lengths = fc.array(fc.integer({ min: 90, max: 110 }), { minLength: 1, maxLength: 8 })
      const letter = fc.constantFrom('x', 'é', '😀')
      const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 })
      fc.assert(
        fc.property(lengths, letter, sizes, (lengths, letter, sizes) => {
          const reading = new Reading(bounds)
          const bytes = Buffer.from(HEADER.concat(...lengths.map((length) => elementOf(length, letter))))
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1
            reading.read(bytes.subarray(at, at + size))
            at += size
          }
          assert.deepEqual(
            reading.names,
            lengths.map((length) => (length <= 100 ? 'presence' : 'too-long')),
          )
        }),
        { numRuns: 500 },
      )
    })

    it('keeps what fits after a long chunk with much in it', () => {
      const many = '<message/>'.repeat(6000)
      const reading = new Reading().read(HEADER + many)
      const last = elementOf(BOUNDS.elementBytes)
      reading.read(`<iq/>${last.slice(0, 30_000)}`).read(last.slice(30_000))
      assert.deepEqual(reading.names.slice(6000), ['iq', 'presence'])
    })

    it('skips an attribute of 70,000 bytes with its element', () => {
      const xml = `${HEADER}<presence a='${'x'.repeat(70_000)}'/><message/>`
      assert.deepEqual(readAll(xml).names, ['too-long', 'message'])
    })

    it('does not keep what is too long already', () => {
      const reading = readAll(`${HEADER}<presence><status>`)
      for (let i = 0; i < 15; i++) reading.read('<a>x</a>'.repeat(8 * KIB))
      assert.deepEqual(reading.read('</status></presence><message/>').names, ['too-long', 'message'])
    })

    it('counts white space in a stanza', () => {
      assert.deepEqual(readAll(`${HEADER}<presence>${' '.repeat(70_000)}</presence>`).names, ['too-long'])
    })
  })

  describe('skips what is too deep', () => {
    it('takes 64 levels and skips 65', () => {
      assert.deepEqual(readAll(HEADER + nested(64) + nested(65) + nested(64)).names, ['a', 'too-deep', 'a'])
    })

    for (const depth of [3000, 100_000]) {
      it(`survives ${depth} levels`, () => {
        const { names } = readAll(`${HEADER}${nested(depth)}<message/>`)
        assert.deepEqual(names.slice(1), ['message'])
        assert.match(names[0] ?? '', /^too-/)
      })
    }

    it('survives 100,000 levels that come in pieces', () => {
      const bytes = Buffer.from(`${HEADER}${nested(100_000)}<message/>`)
      const cuts = Array.from({ length: 500 }, (_, i) => i * 1460)
      assert.deepEqual(readCut(bytes, cuts).names.slice(1), ['message'])
    })
  })

  describe('gives up', () => {
    const refused: [string, string][] = [
      ['a DOCTYPE before the stream', `<?xml version='1.0'?><!DOCTYPE stream><stream:stream>`],
      ['a DOCTYPE with entities', `<!DOCTYPE s [<!ENTITY a "b">]>${HEADER.slice(21)}`],
      ['a DOCTYPE in the stream', `${HEADER}<!DOCTYPE x>`],
      ['a DOCTYPE in a stanza', `${HEADER}<presence><!DOCTYPE x></presence>`],
      ['a comment', `${HEADER}<!-- hello -->`],
      ['a comment in a stanza', `${HEADER}<presence><!-- hello --></presence>`],
      ['a processing instruction', `${HEADER}<?php x?>`],
      ['a second XML declaration', `${HEADER}<?xml version='1.0'?>`],
      ['an unknown entity', `${HEADER}<presence>&foo;</presence>`],
      ['an entity named like a property of every object', `${HEADER}<presence>&constructor;</presence>`],
      ['an entity named __proto__', `${HEADER}<presence>&__proto__;</presence>`],
      ['an unknown entity in an attribute', `${HEADER}<presence a='&foo;'/>`],
      ['a control character by number', `${HEADER}<presence>&#1;</presence>`],
      ['NUL by number', `${HEADER}<presence>&#0;</presence>`],
      ['a surrogate by number', `${HEADER}<presence>&#xD800;</presence>`],
      ['a number beyond Unicode', `${HEADER}<presence>&#x110000;</presence>`],
      ['a raw control character', `${HEADER}<presence>\u0001</presence>`],
      ['a raw NUL', `${HEADER}<presence>\u0000</presence>`],
      ['tags that do not match', `${HEADER}<presence><show></presence></show>`],
      ['a closing tag too many', `${HEADER}</presence>`],
      ['an attribute without quotes', `${HEADER}<presence a=b/>`],
      ['an attribute twice', `${HEADER}<presence a='1' a='2'/>`],
      ['a bare ampersand', `${HEADER}<presence>a & b</presence><presence>&lt;</presence>`],
      ['a bare < in an attribute', `${HEADER}<presence a='<'/>`],
      [']]> in text', `${HEADER}<presence>]]></presence>`],
      ['text between stanzas', `${HEADER}hello<presence/>`],
      ['CDATA between stanzas', `${HEADER}<![CDATA[hello]]><presence/>`],
      ['two roots', `${HEADER}${END}${HEADER.slice(21)}`],
      ['data after the end', `${HEADER}${END}<presence/>`],
      ['text after the end', `${HEADER}${END}hello`],
      ['another root', `<html>`],
      ['another namespace for the stream', `<stream:stream xmlns:stream='urn:x'>`],
      ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ]
    for (const [what, xml] of refused) {
      it(`on ${what}, in one piece or byte by byte`, () => {
        assert.throws(() => readAll(xml), XmlStreamError)
        const bytes = Buffer.from(xml)
        assert.throws(() => readCut(bytes, [...bytes.keys()]), XmlStreamError)
      })
    }

    it('on bytes that are not UTF-8', () => {
      // RFC 6120 §11.6; what is not UTF-8 is not well-formed.
      const bytes = Buffer.concat([
        Buffer.from(`${HEADER}<presence>`),
        Buffer.from([0xff, 0xc0]),
        Buffer.from('</presence>'),
      ])
      assert.throws(() => readAll(bytes), XmlStreamError)
    })

    it('on data in a later chunk after the end, but not on white space', () => {
      const reading = readAll(HEADER + END).read(' \r\n')
      assert.throws(() => reading.read('<presence/>'), XmlStreamError)
    })

    const endless: [string, string, string][] = [
      ['text', '<presence>', 'x'],
      ['emoji', '<presence>', '😀'],
      ['an attribute', `<presence a='`, 'x'],
      ['a name', '<', 'x'],
      ['children', '<presence>', '<a/>'],
      ['depth', '', '<a>'],
      ['CDATA', '<presence><![CDATA[', 'x'],
      ['an entity', '<presence>&', 'x'],
      ['text between stanzas', '', 'x'],
      ['white space in a stanza', '<presence>', ' '],
      ['an unfinished DOCTYPE', '<!DOCTYPE ', 'x'],
    ]
    for (const [what, begin, more] of endless) {
      it(`when ${what} goes on for more than 1 MiB`, () => {
        const chunk = Buffer.from(more.repeat(Math.ceil((16 * KIB) / more.length)))
        assert.throws(() => {
          const reading = readAll(HEADER + begin)
          for (let bytes = 0; bytes <= 1024 * KIB + 64 * KIB; bytes += chunk.length) reading.read(chunk)
        }, XmlStreamError)
      })
    }

    it('not before 1 MiB is reached', () => {
      const reading = readAll(`${HEADER}<presence>`)
      for (let bytes = 0; bytes < 1023 * KIB; bytes += KIB) reading.read('x'.repeat(KIB))
      assert.deepEqual(reading.read('</presence><message/>').names, ['too-long', 'message'])
    })
  })

  describe('keep-alives', () => {
    it('never add up to anything', () => {
      const reading = readAll(HEADER)
      const spaces = Buffer.alloc(64 * KIB, ' ')
      for (let i = 0; i < 64; i++) reading.read(spaces)
      assert.deepEqual(reading.read(elementOf(BOUNDS.elementBytes)).names, ['presence'])
    })

    it('one at a time between stanzas change nothing', () => {
      const reading = readAll(HEADER)
      for (let i = 0; i < 1000; i++) reading.read(i % 10 === 0 ? elementOf(BOUNDS.elementBytes - 1000) : '\n')
      assert.equal(reading.names.length, 100)
      assert.deepEqual(new Set(reading.names), new Set(['presence']))
    })

    it('take no memory, however many come', () => {
      const reading = readAll(HEADER)
      const spaces = Buffer.alloc(64 * KIB, ' ')
      const before = process.memoryUsage().rss
      for (let i = 0; i < 1200; i++) reading.read(spaces)
      const grownMiB = (process.memoryUsage().rss - before) / 1024 / KIB
      assert(grownMiB < 40, `75 MiB of white space hold ${Math.round(grownMiB)} MiB`)
    })
  })

  describe('whatever bytes come', () => {
    const bounds: XmlStreamBounds = { elementBytes: 2000, depth: 8, fatalBytes: 4000 }

    /** Reads until it is refused. Anything thrown but XmlStreamError fails the test. */
    function survive(chunks: readonly Uint8Array[]): Reading {
      const reading = new Reading(bounds)
      try {
        for (const chunk of chunks) reading.read(Buffer.from(chunk))
      } catch (error) {
        if (!(error instanceof XmlStreamError)) throw error
      }
      return reading
    }

    it('nothing but XmlStreamError is thrown', () => {
      const chunks = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 })
      fc.assert(
        fc.property(chunks, fc.boolean(), (chunks, opened) => {
          survive(opened ? [Buffer.from(HEADER), ...chunks] : chunks)
        }),
        { numRuns: 2000 },
      )
    })

    it('nothing but XmlStreamError is thrown for pieces of XML in any order', () => {
      const piece = fc.constantFrom(
        ...['<a>', '</a>', '<b x="', '"', "'", '>', '/>', '<', '&', ';', '&amp;', '&#', 'x1F600', '<![CDATA[', ']]>'],
        ...[
          '<!--',
          '-->',
          '<?',
          '?>',
          '<!DOCTYPE',
          '[',
          ']',
          ' ',
          '\r',
          '\n',
          '=',
          ':',
          'xmlns',
          'xmlns:p="urn:p"',
          '<p:',
        ],
        ...['😀', '\ud83d', '\ufeff', '\u0000', END, HEADER, '__proto__', 'constructor'],
      )
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 40, size: 'max' }), (pieces) => {
          survive([Buffer.from(HEADER), ...pieces.map((text) => Buffer.from(text))])
        }),
        { numRuns: 3000 },
      )
    })

    it('a mutated stream never gives a stanza that was not closed', () => {
      const stanza = `<presence from='a@b/c'><show>away</show><status>é😀</status></presence>`
      const stream = Buffer.from(HEADER + stanza.repeat(3))
      const mutation = fc.record({ at: fc.nat(stream.length - 1), byte: fc.nat(127), cut: fc.nat(stream.length) })
      fc.assert(
        fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
          const bytes = Buffer.from(stream)
          for (const { at, byte } of mutations) bytes[at] = byte
          const cut = mutations[0]?.cut ?? 0
          const { elements } = survive([bytes.subarray(0, cut), bytes.subarray(cut)])
          // Each stanza ends with a closing or an empty tag of its own name.
          const text = bytes.toString('latin1')
          let from = 0
          for (const { name } of elements) {
            const raw = Buffer.from(name).toString('latin1')
            const end = [`${raw}>`, `/>`, `${raw} `].map((tag) => text.indexOf(tag, from)).filter((at) => at >= 0)
            assert(end.length > 0, `${name} was not closed in ${text}`)
            from = Math.min(...end)
          }
        }),
        { numRuns: 3000 },
      )
    })

    it('a stream that ends anywhere gives exactly the stanzas that were whole by then', () => {
      const stanza = `<presence><status>é😀</status></presence>`
      const stream = Buffer.from(HEADER + stanza.repeat(3))
      const header = Buffer.byteLength(HEADER)
      const each = Buffer.byteLength(stanza)
      for (let end = header; end <= stream.length; end++) {
        assert.equal(survive([stream.subarray(0, end)]).elements.length, Math.floor((end - header) / each))
      }
    })
  })

  it('keeps little of what is far too deep, until it is too much', () => {
    const reading = readAll(`${HEADER}<m>`)
    const before = heapInUse()
    for (let piece = 0; piece < 15; piece++) reading.read('<abc>'.repeat(13_000))
    const more = heapInUse() - before
    assert(more < 40 * 1024 * KIB, `${more} bytes more`)
    assert.throws(() => reading.read('<abc>'.repeat(13_000)).read('<abc>'.repeat(13_000)), XmlStreamError)
  })
})

/** After all garbage is gone. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
