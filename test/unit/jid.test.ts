import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { normaliseDomain, parseBareJid, parseStanzaJid, parseUserInput, sameAddress } from '../../src/presence/jid.js'

const MALFORMED = { fault: 'malformed' }
const AMBIGUOUS = { fault: 'ambiguous' }
const x = (count: number) => 'x'.repeat(count)

/** What is typed → the key that is looked up, or why nobody is. */
const TABLE: [string, string, string | typeof MALFORMED | typeof AMBIGUOUS][] = [
  ['a plain one', 'alice@example.org', 'alice@example.org'],
  ['upper case', 'Alice@EXAMPLE.org', 'alice@example.org'],
  ['one letter and a bare host', 'a@localhost', 'a@localhost'],
  ['digits, dots, dashes, underscores', 'a.b-c_1@ex-ample.org', 'a.b-c_1@ex-ample.org'],
  ['signs that are allowed', '!#$%()*+,;=?[]^`{|}~@h', '!#$%()*+,;=?[]^`{|}~@h'],
  ['a plus tag', 'alice+tag@h', 'alice+tag@h'],
  ['a percent sign', 'a%40b@h', 'a%40b@h'],
  ['XEP-0106 for a space', 'space\\20cadet@h', 'space\\20cadet@h'],
  ['XEP-0106 for an at sign', 'treville\\40musketeers@h', 'treville\\40musketeers@h'],
  ['XEP-0106 for a backslash', 'c\\5ccommas@h', 'c\\5ccommas@h'],
  ['a final dot of the domain', 'a@example.org.', 'a@example.org'],
  ['German umlauts', 'ÄÖÜ@h', 'äöü@h'],
  ['French accents', 'ÉLÈVE@h', 'élève@h'],
  ['Greek', 'ΑΛΦΑ@h', 'αλφα@h'],
  ['a Greek final sigma, which servers fold', 'ς@h', AMBIGUOUS],
  ['a capital sigma', 'ΟΔΟΣ@h', 'οδοσ@h'],
  ['Cyrillic', 'ЖУК@h', 'жук@h'],
  ['Hebrew', 'שלום@h', 'שלום@h'],
  ['Han', '漢字@h', '漢字@h'],
  ['an emoji', '😀@h', '😀@h'],
  ['ß, which servers write ss', 'straße@h', AMBIGUOUS],
  ['a capital ẞ', 'STRAẞE@h', 'straẞe@h'],
  ['Cherokee, which newer Unicode folds and older does not', 'Ꭰ@h', 'Ꭰ@h'],
  ['Cherokee small', 'ꭰ@h', 'ꭰ@h'],
  ['Deseret', '𐐀@h', '𐐨@h'],
  ['Vietnamese', 'NGUYỄN@h', 'nguyễn@h'],
  ['Armenian', 'ԱՐԱՄ@h', 'արամ@h'],
  ['Greek with breathings', 'Ἀ@h', 'ἀ@h'],
  ['an iota subscript', 'ᾳ@h', AMBIGUOUS],
  ['palochka, which had no small letter in Unicode 3.2', 'Ӏ@h', 'Ӏ@h'],
  ['a capital newer than Unicode 3.2', 'Ӻ@h', 'Ӻ@h'],
  ['a division slash, with which ejabberd spells two accounts alike', 'C∕kg@h', AMBIGUOUS],
  ['a Mongolian soft hyphen', 'a\u1806b@h', AMBIGUOUS],
  ['ſ, which is an s to servers', 'ſtest@h', AMBIGUOUS],
  ['the Kelvin sign', '\u212aelvin@h', AMBIGUOUS],
  ['the Ångström sign', '\u212b@h', AMBIGUOUS],
  ['the Ohm sign', '\u2126@h', AMBIGUOUS],
  ['a ligature', 'o\ufb03ce@h', AMBIGUOUS],
  ['full width letters', 'ａｌｉｃｅ@h', AMBIGUOUS],
  ['a full width at sign', 'a＠b@h', AMBIGUOUS],
  ['a superscript', 'x²@h', AMBIGUOUS],
  ['a Roman numeral', 'Ⅳ@h', AMBIGUOUS],
  ['a decomposed é', 'e\u0301@h', AMBIGUOUS],
  ['½', '½@h', AMBIGUOUS],
  ['zero width space', 'a\u200bb@h', AMBIGUOUS],
  ['zero width non-joiner', 'a\u200cb@h', AMBIGUOUS],
  ['zero width joiner', 'a\u200db@h', AMBIGUOUS],
  ['a soft hyphen', 'a\u00adb@h', AMBIGUOUS],
  ['a word joiner', 'a\u2060b@h', AMBIGUOUS],
  ['a right-to-left mark', 'a\u200fb@h', AMBIGUOUS],
  ['a right-to-left override', 'a\u202eb@h', AMBIGUOUS],
  ['a variation selector', 'a\ufe0fb@h', AMBIGUOUS],
  ['a tag character', 'a\u{e0061}@h', AMBIGUOUS],
  ['a Hangul filler', 'a\u3164@h', AMBIGUOUS],
  ['a Mongolian vowel separator', 'a\u180eb@h', AMBIGUOUS],
  ['NUL', 'a\0b@h', MALFORMED],
  ['a tab', 'a\tb@h', MALFORMED],
  ['DEL', 'a\u007fb@h', MALFORMED],
  ['a C1 control', 'a\u0085b@h', MALFORMED],
  ['a space', 'a b@h', MALFORMED],
  ['a no-break space', 'a\u00a0b@h', MALFORMED],
  ['an ideographic space', 'a\u3000b@h', MALFORMED],
  ['a double quote', 'a"b@h', MALFORMED],
  ['an ampersand', 'a&b@h', MALFORMED],
  ['an apostrophe', "a'b@h", MALFORMED],
  ['a colon', 'a:b@h', MALFORMED],
  ['<', 'a<b@h', MALFORMED],
  ['>', 'a>b@h', MALFORMED],
  ['an at sign in the local part', 'a@b@h', MALFORMED],
  ['a slash', 'a/b@h', MALFORMED],
  ['a resource', 'alice@h/phone', MALFORMED],
  ['half a surrogate pair', 'a\ud83d@h', MALFORMED],
  ['U+FFFF', 'a\uffff@h', MALFORMED],
  ['no local part', '@h', MALFORMED],
  ['no domain', 'alice@', MALFORMED],
  ['no at sign', 'alice', MALFORMED],
  ['nothing', '', MALFORMED],
  ['1,023 bytes', `${x(1023)}@h`, `${x(1023)}@h`],
  ['1,024 bytes', `${x(1024)}@h`, MALFORMED],
  ['1,024 bytes in 512 characters', `${'é'.repeat(512)}@h`, MALFORMED],
  ['1,022 bytes in 511 characters', `${'é'.repeat(511)}@h`, `${'é'.repeat(511)}@h`],
  ['a domain in U-labels', 'a@bücher.example', 'a@xn--bcher-kva.example'],
  ['a domain in capital U-labels', 'a@BÜCHER.example', 'a@xn--bcher-kva.example'],
  ['ß in the domain, which servers write ss', 'a@straße.example', MALFORMED],
  ['a final sigma in the domain', 'a@οδος.example', MALFORMED],
  ['ß in A-labels', 'a@xn--strae-oqa.example', 'a@xn--strae-oqa.example'],
  ['a domain in A-labels', 'a@XN--BCHER-KVA.example', 'a@xn--bcher-kva.example'],
  ['a domain in Han', 'a@例え.jp', 'a@xn--r8jz45g.jp'],
  ['an ideographic full stop', 'a@example。org', 'a@example.org'],
  ['a domain that is a number', 'a@2130706433', 'a@2130706433'],
  ['an IPv4 address', 'a@127.0.0.1', 'a@127.0.0.1'],
  ['a number in hexadecimal', 'a@0x7f.1', 'a@0x7f.1'],
  ['a port', 'a@h:5222', MALFORMED],
  ['percent in the domain', 'a@ex%61mple.org', MALFORMED],
  ['a space in the domain', 'a@exa mple.org', MALFORMED],
  ['a backslash in the domain', 'a@exa\\mple.org', MALFORMED],
  ['a question mark in the domain', 'a@h?x', MALFORMED],
  ['a number sign in the domain', 'a@h#x', MALFORMED],
  ['NUL in the domain', 'a@h\0x', MALFORMED],
  ['two dots in the domain', 'a@example..org', MALFORMED],
  ['two dots after the domain', 'a@example.org..', MALFORMED],
  ['a dot before the domain', 'a@.org', MALFORMED],
  ['a dot for a domain', 'a@.', MALFORMED],
  ['a leading dash in the domain', 'a@-h', MALFORMED],
  ['IPv6', 'a@[::1]', MALFORMED],
  ['a domain of 1,024 bytes', `a@${x(1024)}`, MALFORMED],
]

const FORBIDDEN = /["&'/:<>@\s\p{Cc}\p{Cs}]/u

describe('A JID that is typed', () => {
  for (const [what, typed, expected] of TABLE) {
    const name = typeof expected === 'string' ? (expected === typed ? 'itself' : expected.slice(0, 30)) : expected.fault
    it(`with ${what} is ${name}`, () => {
      const parsed = parseUserInput(typed)
      if (typeof expected !== 'string') return assert.deepEqual(parsed, expected)
      assert.deepEqual(parsed, { jid: expected, domain: expected.slice(expected.lastIndexOf('@') + 1) })
    })
  }

  it('in two spellings that a server folds alike is never two accounts', () => {
    // Prosody and ejabberd (nodeprep) keep the account under the first; the second finds it or nobody.
    for (const [account, spelling] of [
      ['strasse', 'straße'],
      ['stest', 'ſtest'],
      ['kelvin', '\u212aelvin'],
      ['alice', 'al\u00adice'],
      ['οδοσ', 'οδος'],
      ['office', 'o\ufb03ce'],
    ] as const) {
      const parsed = parseUserInput(`${spelling}@h`)
      if (parsed.fault === undefined) {
        const server = spelling.normalize('NFKC').replaceAll('ß', 'ss').replaceAll('ς', 'σ')
        assert(parsed.jid === `${account}@h` || parsed.jid !== `${server}@h`)
      }
    }
  })

  describe('whatever it is', () => {
    const tricky = fc.constantFrom(
      ...['A', 'z', 'ß', 'ſ', 'K', 'İ', 'ı', 'ς', 'Σ', 'é', 'e\u0301', '😀', '\u200b', '@', '/', '.', '%', '\\', ' '],
      ...['"', '\0', 'Ꭰ', 'ǅ', 'ﬃ', '\ud83d', 'xn--', '-', '_', '1', '。', 'ü', '\u0345', '\u1e9e', '\u03b0', '\u0130'],
    )
    const typed = fc.oneof(
      fc.string({ unit: tricky, maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.tuple(fc.string({ unit: tricky, minLength: 1 }), fc.domain()).map(([local, domain]) => `${local}@${domain}`),
      fc.tuple(tricky, fc.integer({ min: 330, max: 1030 })).map(([letter, count]) => `${letter.repeat(count)}@h`),
      fc.tuple(tricky, fc.integer({ min: 1, max: 600 })).map(([letter, count]) => `a@${letter.repeat(count)}`),
    )

    it('is parsed without a throw, to something that parses to itself', () => {
      fc.assert(
        fc.property(typed, (text) => {
          const parsed = parseUserInput(text)
          if (parsed.fault !== undefined) return
          assert.deepEqual(parseUserInput(parsed.jid), parsed)
        }),
        { numRuns: 5000 },
      )
    })

    it('gives a key without upper-case ASCII or anything RFC 7622 forbids, each part of at most 1,023 bytes', () => {
      fc.assert(
        fc.property(typed, (text) => {
          const parsed = parseUserInput(text)
          if (parsed.fault !== undefined) return
          const at = parsed.jid.lastIndexOf('@')
          const local = parsed.jid.slice(0, at)
          assert.equal(parsed.jid.slice(at + 1), parsed.domain)
          assert.doesNotMatch(parsed.jid, /[A-Z]/)
          assert.doesNotMatch(local, FORBIDDEN)
          assert.match(parsed.domain, /^[a-z0-9._-]+$/)
          for (const part of [local, parsed.domain]) {
            assert(part.length > 0 && Buffer.byteLength(part) <= 1023, `${Buffer.byteLength(part)} bytes`)
          }
        }),
        { numRuns: 5000 },
      )
    })

    it('is the same key when a server stamps it: ejabberd repeats what the user typed', () => {
      fc.assert(
        fc.property(
          fc.string({ unit: tricky, maxLength: 12 }),
          fc.string({ unit: tricky, maxLength: 4 }),
          (local, resource) => {
            fc.pre(!/[@/]/.test(local))
            const typed = parseBareJid(local, 'h')
            const full = parseStanzaJid(`${local}@h${resource && `/x${resource}`}`)
            assert.equal(full?.bare, typed.fault === undefined ? typed.jid : undefined)
          },
        ),
        { numRuns: 2000 },
      )
    })
  })
})

describe('A domain', () => {
  it('of a URL parser’s making is never an address in disguise', () => {
    for (const domain of ['１２７.0.0.1', '０x7f.1', '①②⑦.0.0.1']) assert.equal(normaliseDomain(domain), null, domain)
  })

  it('is the same typed in any spelling', () => {
    for (const domain of ['bücher.example', 'BÜCHER.EXAMPLE', 'xn--bcher-kva.example.', 'bu\u0308cher.example']) {
      assert.equal(normaliseDomain(domain), 'xn--bcher-kva.example')
    }
  })

  it('of 1,024 bytes is none, in whatever spelling', () => {
    assert.equal(normaliseDomain(`${'x.'.repeat(511)}xx`), null)
    const long = normaliseDomain('ü.'.repeat(330))
    assert(long === null || long.length <= 1023, `${long?.length} bytes`)
  })

  it('of more than 253 characters is none, unless it is in ASCII', () => {
    const longest = `${'üxxxxxxxxx.'.repeat(22)}example.org`
    assert.equal(longest.length, 253)
    assert.notEqual(normaliseDomain(longest), null)
    assert.equal(normaliseDomain(`x${longest}`), null)
    assert.notEqual(normaliseDomain('x'.repeat(254)), null)
  })

  it('of no length is none, also before any other was seen', async () => {
    const jid = new URL('../../src/presence/jid.js?for the first time', import.meta.url)
    const fresh: typeof import('../../src/presence/jid.js') = await import(jid.href)
    assert.deepEqual(fresh.parseUserInput('abc@'), MALFORMED)
    assert.equal(fresh.normaliseDomain(''), null)
  })
})

describe('parseBareJid', () => {
  it('takes the local part whole: an at sign in it is malformed', () => {
    assert.deepEqual(parseBareJid('a@b', 'h'), MALFORMED)
  })
})

describe('A JID that a server stamps', () => {
  it('is one user’s one resource in whatever spelling she logged in', () => {
    const stamped = ['alice@example.org/büro', 'ALICE@Example.ORG/bu\u0308ro', 'alice@example.org./b\u00adüro']
    for (const one of stamped) for (const other of stamped) assert(sameAddress(one, other), `${one} ${other}`)
  })

  it('is nobody’s with a resource of which nothing is left: that would be the bare JID', () => {
    assert.equal(parseStanzaJid('a@h/\u200b'), null)
    assert(!sameAddress('a@h/\u200b', 'a@h'))
  })

  it('is another one’s with another resource, user or domain, and nobody’s when it cannot be read', () => {
    const different = ['a@h/x', 'a@h/X', 'a@h', 'b@h/x', 'a@i/x', 'h', 'H', 'h/x', '', 'straße@h', 'ſ@h', 'a b@h']
    for (const one of different) {
      for (const other of different) assert.equal(sameAddress(one, other), one === other, `${one} ${other}`)
    }
  })
})
