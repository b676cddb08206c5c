import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PresenceDocumentFault, parsePresenceDocument } from '../../src/cli/presence-document.js'

const NS = 'xmlns="jabber:client"'
const parse = (xml: string) => parsePresenceDocument(Buffer.from(xml))
const error = (condition: string) =>
  `<presence ${NS} type="error"><error type="cancel"><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>`

describe('a presence document', () => {
  it("is read as tiggersWelt's API and ours write it", () => {
    const xml = `<presence ${NS} from="support@example.org"><show>xa</show><status>text</status><query xmlns="jabber:iq:last" seconds="8973"/></presence>`
    const read = { kind: 'presence', from: 'support@example.org', show: 'xa', text: 'text', seconds: 8973 }
    for (const around of ['', '<?xml version="1.0" encoding="UTF-8"?>\n', "<?xml version='1.0'?>", '\ufeff']) {
      assert.deepEqual(parse(`${around}${xml}\n`), read)
    }
  })

  for (const [what, xml, expected] of [
    ['no show', `<presence ${NS}/>`, { show: 'online', text: null, seconds: null, from: null }],
    [
      'unavailable',
      `<presence ${NS} type='unavailable'><status>gone</status></presence>`,
      { show: 'offline', text: 'gone' },
    ],
    ['digits and spaces', `<presence ${NS}><status> 0123 </status></presence>`, { text: ' 0123 ' }],
    [
      'entities',
      `<presence ${NS}><status>&lt;b&gt; &amp;amp; &quot;&apos;&#x1F600;&#10;</status></presence>`,
      { text: '<b> &amp; "\'😀\n' },
    ],
    [
      'the text without a language',
      `<presence ${NS}><status xml:lang="de">da</status><status>here</status></presence>`,
      { text: 'here' },
    ],
    [
      'else the first text',
      `<presence ${NS}><status xml:lang="de">da</status><status xml:lang="fr">là</status></presence>`,
      { text: 'da' },
    ],
    [
      'foreign children',
      `<presence ${NS}><show xmlns="x">dnd</show><priority>5</priority><c xmlns="caps"/></presence>`,
      { show: 'online' },
    ],
    ['an empty text', `<presence ${NS}><status/></presence>`, { text: null }],
  ] as const) {
    it(`is read with ${what}`, () => {
      const read = new Map<string, unknown>(Object.entries(parse(xml)))
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(read.get(key), value, key)
    })
  }

  it('is read when it is an error', () => {
    for (const condition of ['item-not-found', 'remote-server-timeout', 'jid-malformed']) {
      assert.deepEqual(parse(error(condition)), { kind: 'error', condition })
    }
    assert.deepEqual(parse(`<presence ${NS} type="error"/>`), { kind: 'error', condition: 'undefined-condition' })
  })

  for (const [what, xml] of [
    ['nothing', ''],
    ['JSON', '{"show":"away"}'],
    ['HTML', '<!doctype html><html><p>hello</html>'],
    ['XHTML', '<html xmlns="http://www.w3.org/1999/xhtml"/>'],
    ['mismatched tags', `<presence ${NS}><show>xa</status></presence>`],
    ['a tag that never ends', `<presence ${NS}><show>xa</show>`],
    ['two documents', `<presence ${NS}/><presence ${NS}/>`],
    ['text after it', `<presence ${NS}/>junk`],
    ['text before it', `junk<presence ${NS}/>`],
    ['what closes more than itself', `<presence ${NS}/></document><document>`],
    ['an attribute twice', `<presence ${NS} from="a@b" from="c@d"/>`],
    ['an attribute without quotes', `<presence ${NS} from=a/>`],
    ['a DOCTYPE', `<!DOCTYPE presence><presence ${NS}/>`],
    [
      'an external entity',
      `<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><presence ${NS}><status>&x;</status></presence>`,
    ],
    [
      'a billion laughs',
      `<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><presence ${NS}><status>&b;</status></presence>`,
    ],
    ['an unknown entity', `<presence ${NS}><status>&foo;</status></presence>`],
    ['an unknown entity in an attribute', `<presence ${NS} from="a&foo;"/>`],
    ['a bare ampersand', `<presence ${NS}><status>a & b</status></presence>`],
    ['a NUL by number', `<presence ${NS}><status>&#0;</status></presence>`],
    ['an escape by number', `<presence ${NS}><status>&#27;[2J</status></presence>`],
    ['half a surrogate pair', `<presence ${NS}><status>&#xd800;</status></presence>`],
    ['a number beyond Unicode', `<presence ${NS}><status>&#x110000;</status></presence>`],
    ['a raw escape', `<presence ${NS}><status>\u001b[2J</status></presence>`],
    [']]>', `<presence ${NS}><status>a ]]> b</status></presence>`],
    ['a comment', `<presence ${NS}><!-- hello --></presence>`],
    ['CDATA', `<presence ${NS}><status><![CDATA[hello]]></status></presence>`],
    ['an instruction', `<presence ${NS}><?php echo 1 ?></presence>`],
    ['another encoding', `<?xml version="1.0" encoding="iso-8859-1"?><presence ${NS}/>`],
    ['no namespace', '<presence from="a@b"/>'],
    ['another namespace', '<presence xmlns="jabber:server"/>'],
    ['another type', `<presence ${NS} type="subscribe"/>`],
    ['an unknown show', `<presence ${NS}><show>sleeping</show></presence>`],
    ['two shows', `<presence ${NS}><show>xa</show><show>dnd</show></presence>`],
    ['negative seconds', `<presence ${NS}><query xmlns="jabber:iq:last" seconds="-1"/></presence>`],
    ['seconds in another notation', `<presence ${NS}><query xmlns="jabber:iq:last" seconds="1e3"/></presence>`],
    ['great depth', `<presence ${NS}>${'<a>'.repeat(9000)}${'</a>'.repeat(9000)}</presence>`],
    ['a reserved name', `<presence ${NS}><__proto__>x</__proto__></presence>`],
  ] as const) {
    it(`is refused with ${what}`, () => assert.throws(() => parse(xml), PresenceDocumentFault))
  }

  it('is refused when it is not UTF-8', () => {
    assert.throws(
      () => parsePresenceDocument(Buffer.from(`<presence ${NS}><status>\xe9</status></presence>`, 'latin1')),
      {
        name: 'PresenceDocumentFault',
        message: 'is not UTF-8',
      },
    )
  })

  it('never fails in another way, whatever the bytes', () => {
    const harmless = (bytes: Uint8Array) => {
      try {
        parsePresenceDocument(bytes)
      } catch (thrown) {
        assert.ok(thrown instanceof PresenceDocumentFault, `${thrown}`)
      }
    }
    const pieces = fc.constantFrom(
      ...[
        '<presence ',
        NS,
        '>',
        '/>',
        '</presence>',
        '<show>',
        '</show>',
        'xa',
        '&',
        ';',
        '#',
        '&#x',
        '<',
        '"',
        "'",
        '=',
      ],
      ...[
        '<query xmlns="jabber:iq:last" seconds="',
        '<!',
        ']]>',
        '<?',
        '?>',
        'type="error"',
        '__proto__',
        'constructor',
        ':',
      ],
      ...[
        '<error>',
        '</error>',
        '#text',
        ':@',
        '<status>',
        '</status>',
        '\n',
        '&lt;',
        '<a',
        '\u0000',
        '\ud800',
        '</document>',
      ],
    )
    const soup = fc.array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 40 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), harmless), { numRuns: 3000 })
    fc.assert(
      fc.property(soup, (parts) => harmless(Buffer.from(parts.join('')))),
      { numRuns: 5000 },
    )
    fc.assert(
      fc.property(soup, (parts) => harmless(Buffer.from(`<presence ${NS}>${parts.join('')}</presence>`))),
      { numRuns: 5000 },
    )
  })

  it('gives back any text that was escaped into it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const escaped = text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
        const read = parse(`<presence ${NS}><status>${escaped}</status></presence>`)
        assert.equal(read.kind === 'presence' && read.text, text)
      }),
    )
  })
})
