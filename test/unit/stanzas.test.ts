import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { parsePresence, parsePrivileges } from '../../src/xmpp/stanzas.js'
import { FakeClock } from './fake-clock.js'
import { readStanza } from './read-xml.js'

const NOW = Date.parse('2026-03-01T12:00:00.000Z')
const CLOCK = new FakeClock(NOW)
const LIMIT = 1024

function parse(xml: string) {
  return parsePresence(readStanza(xml), CLOCK, LIMIT)
}

function available(children: string) {
  const said = parse(`<presence from='alice@example.org/phone' to='presence.example.org'>${children}</presence>`)
  assert(said?.kind === 'available')
  return said.presence
}

describe('A presence stanza', () => {
  it('plainly available says online, nothing else', () => {
    assert.deepEqual(parse(`<presence from='alice@example.org/phone'/>`), {
      kind: 'available',
      from: { bare: 'alice@example.org', domain: 'example.org', resource: 'phone' },
      presence: { show: 'online', text: null, priority: 0, stampedAt: null, idleSince: null },
    })
  })

  describe('shows', () => {
    const shows: [string, string][] = [
      ['<show>chat</show>', 'chat'],
      ['<show>away</show>', 'away'],
      ['<show>xa</show>', 'xa'],
      ['<show>dnd</show>', 'dnd'],
      ['<show/>', 'online'],
      ['<show>online</show>', 'online'],
      ['<show>offline</show>', 'online'],
      ['<show>unknown</show>', 'online'],
      ['<show>AWAY</show>', 'online'],
      ['<show>busy</show>', 'online'],
      ['<show>constructor</show>', 'online'],
      ['<show>toString</show>', 'online'],
      ['<show>__proto__</show>', 'online'],
      ['<show>hasOwnProperty</show>', 'online'],
      [`<show xmlns='urn:x'>dnd</show>`, 'online'],
      [`<x xmlns='urn:x'><show>dnd</show></x>`, 'online'],
      [`<x><show>dnd</show></x>`, 'online'],
    ]
    for (const [xml, show] of shows) it(`${show} for ${xml}`, () => assert.equal(available(xml).show, show))
  })

  describe('has the priority', () => {
    const priorities: [string, number][] = [
      ['', 0],
      ['<priority>5</priority>', 5],
      ['<priority>-1</priority>', -1],
      ['<priority>+3</priority>', 3],
      ['<priority> 7 </priority>', 7],
      ['<priority>007</priority>', 7],
      ['<priority/>', 0],
      ['<priority>high</priority>', 0],
      ['<priority>NaN</priority>', 0],
      ['<priority>Infinity</priority>', 0],
      ['<priority>constructor</priority>', 0],
      [`<priority xmlns='urn:x'>9</priority>`, 0],
    ]
    for (const [xml, priority] of priorities) {
      it(`${priority} for ${xml || 'none'}`, () => assert.equal(available(xml).priority, priority))
    }

    for (const number of ['200', '-129', '999999999999999999999', `-${'9'.repeat(400)}`]) {
      it(`that has the sign of ${number.slice(0, 25)}, for the board to clamp`, () => {
        const { priority } = available(`<priority>${number}</priority>`)
        assert.equal(Math.sign(priority), number.startsWith('-') ? -1 : 1)
        assert(Math.abs(priority) > 127)
      })
    }
  })

  describe('has the text', () => {
    const texts: [string, string, string | null][] = [
      ['none without a status', '', null],
      ['none for an empty status', '<status/>', null],
      ['of its status', '<status>busy &amp; happy</status>', 'busy & happy'],
      ['with white space as it came', '<status> a\n b </status>', ' a\n b '],
      ['without an xml:lang', `<status xml:lang='de'>weg</status><status>gone</status>`, 'gone'],
      ['without an xml:lang, the first of them', '<status>one</status><status>two</status>', 'one'],
      [
        'in the first language if all have one',
        `<status xml:lang='de'>weg</status><status xml:lang='en'>gone</status>`,
        'weg',
      ],
      ['in its own language where the stanza has one', `<status>gone</status>`, 'gone'],
      ['not of another namespace', `<status xmlns='urn:x'>no</status>`, null],
      ['not of a prefix', `<x:status xmlns:x='urn:x'>no</x:status>`, null],
      ['not from deeper down', '<x><status>no</status></x>', null],
      ['with emoji of several code points', '<status>👩‍👩‍👧‍👦</status>', '👩‍👩‍👧‍👦'],
      ['without U+FFFE and U+FFFF', '<status>a\u{fffd}b</status>', 'a\u{fffd}b'],
    ]
    for (const [what, xml, text] of texts) it(what, () => assert.equal(available(xml).text, text))

    const x = (count: number) => 'x'.repeat(count)
    const cuts: [string, string, string][] = [
      ['whole at 1,024', x(1024), x(1024)],
      ['cut at 1,025', x(1025), x(1024)],
      ['whole with 1,024 emoji', '😀'.repeat(1024), '😀'.repeat(1024)],
      ['cut with 1,025 emoji', '😀'.repeat(1025), '😀'.repeat(1024)],
      ['whole with an emoji at the edge', `${x(1023)}😀`, `${x(1023)}😀`],
      ['cut after an emoji at the edge', `${x(1023)}😀x`, `${x(1023)}😀`],
      ['cut before an emoji beyond the edge', `${x(1024)}😀`, x(1024)],
      ['cut with emoji first', `😀${x(5000)}`, `😀${x(1023)}`],
    ]
    for (const [what, given, text] of cuts) {
      it(what, () => assert.equal(available(`<status>${given}</status>`).text, text))
    }

    it('never longer than 1,024 code points, never half an emoji', () => {
      const texts = fc.array(fc.constantFrom('a', 'é', '漢', '😀', '👩‍💻'), { minLength: 1000, maxLength: 1100 })
      fc.assert(
        fc.property(texts, (letters) => {
          const given = letters.join('')
          assert.equal(available(`<status>${given}</status>`).text, [...given].slice(0, 1024).join(''))
        }),
        { numRuns: 50 },
      )
    })
  })

  describe('was set', () => {
    const stamps: [string, string | null][] = [
      ['2026-03-01T11:00:00Z', '2026-03-01T11:00:00.000Z'],
      ['2026-03-01T11:00:00.123Z', '2026-03-01T11:00:00.123Z'],
      ['2026-03-01T11:00:00.123456789Z', '2026-03-01T11:00:00.123Z'],
      ['2026-03-01T12:00:00+01:00', '2026-03-01T11:00:00.000Z'],
      ['2026-03-01T06:30:00-04:30', '2026-03-01T11:00:00.000Z'],
      ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
      ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
      ['1969-12-31T23:59:59Z', null],
      ['0000-01-01T00:00:00Z', null],
      ['2026-03-01', null],
      ['2026-03-01T11:00:00', null],
      ['2026-03-01 11:00:00Z', null],
      ['2026-13-01T11:00:00Z', null],
      ['2026-03-32T11:00:00Z', null],
      ['2026-03-01T25:00:00Z', null],
      ['2026-03-01T11:61:00Z', null],
      ['20260301T11:00:00', null],
      ['+012026-03-01T11:00:00Z', null],
      ['1709290800', null],
      ['yesterday', null],
      ['', null],
      [' 2026-03-01T11:00:00Z', null],
    ]
    for (const [stamp, time] of stamps) {
      it(`${time ?? 'nobody knows when'} for the stamp ${JSON.stringify(stamp)}`, () => {
        const { stampedAt } = available(`<delay xmlns='urn:xmpp:delay' stamp='${stamp}'/>`)
        assert.equal(stampedAt === null ? null : new Date(stampedAt).toISOString(), time)
      })
    }

    it('nobody knows when for a delay without a stamp or of another namespace', () => {
      assert.equal(available(`<delay xmlns='urn:xmpp:delay'/>`).stampedAt, null)
      assert.equal(available(`<delay xmlns='urn:x' stamp='2026-03-01T11:00:00Z'/>`).stampedAt, null)
    })
  })

  describe('is idle', () => {
    const at = (time: string) => Date.parse(time)
    const idle = `<idle xmlns='urn:xmpp:idle:1' since='2026-03-01T10:00:00Z'/>`
    const last = (seconds: string) => `<query xmlns='jabber:iq:last' seconds='${seconds}'/>`
    const delay = `<delay xmlns='urn:xmpp:delay' stamp='2026-03-01T11:00:00Z'/>`
    const cases: [string, string, number | null][] = [
      ['since XEP-0319 says', idle, at('2026-03-01T10:00:00Z')],
      ['for the seconds of XEP-0256', last('600'), NOW - 600_000],
      ['for no seconds at all', last('0'), NOW],
      ['for the seconds before it was set', delay + last('600'), at('2026-03-01T10:50:00Z')],
      ['by XEP-0319 before XEP-0256', last('5') + idle, at('2026-03-01T10:00:00Z')],
      ['by XEP-0256 where XEP-0319 is garbage', `<idle xmlns='urn:xmpp:idle:1' since='x'/>${last('5')}`, NOW - 5000],
      ['not, without either', '', null],
      ['not, with garbage', `<idle xmlns='urn:xmpp:idle:1' since='soon'/>`, null],
      ['not, without since', `<idle xmlns='urn:xmpp:idle:1'/>`, null],
      ['not, with another namespace', `<idle xmlns='urn:xmpp:idle:0' since='2026-03-01T10:00:00Z'/>`, null],
      ...['-5', '1.5', '1e3', '', 'x', ' 5', '0x10', '99999999999'].map((seconds): [string, string, null] => [
        `not, for ${JSON.stringify(seconds)} seconds`,
        last(seconds),
        null,
      ]),
    ]
    for (const [what, xml, since] of cases) it(what, () => assert.equal(available(xml).idleSince, since))

    it('never since a time that cannot be written', () => {
      const { idleSince } = available(last('9999999999'))
      assert.doesNotThrow(() => new Date(idleSince ?? 0).toISOString())
    })
  })

  describe('unavailable', () => {
    it('tells who, the parting words and when', () => {
      const xml =
        `<presence from='alice@example.org/phone' type='unavailable'><status>bye</status>` +
        `<delay xmlns='urn:xmpp:delay' stamp='2026-03-01T11:00:00Z'/></presence>`
      assert.deepEqual(parse(xml), {
        kind: 'unavailable',
        from: { bare: 'alice@example.org', domain: 'example.org', resource: 'phone' },
        text: 'bye',
        at: Date.parse('2026-03-01T11:00:00Z'),
      })
    })

    it('of the bare JID is of all resources', () => {
      const said = parse(`<presence from='alice@example.org' type='unavailable'/>`)
      assert.deepEqual(said, {
        kind: 'unavailable',
        from: { bare: 'alice@example.org', domain: 'example.org', resource: null },
        text: null,
        at: null,
      })
    })
  })

  for (const kind of ['probe', 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']) {
    it(`of type ${kind} is told as such`, () => {
      assert.equal(parse(`<presence from='alice@example.org' type='${kind}'/>`)?.kind, kind)
    })
  }

  const meaningless: [string, string][] = [
    ['an error', `from='alice@example.org/phone' type='error'`],
    ['an unknown type', `from='alice@example.org/phone' type='here'`],
    ['a type named like a property of every object', `from='alice@example.org/phone' type='constructor'`],
    ['an empty type', `from='alice@example.org/phone' type=''`],
    ['no from', ''],
    ['a from without a user', `from='example.org'`],
    ['a from without a user but with a resource', `from='example.org/a@b'`],
    ['an empty user', `from='@example.org/phone'`],
    ['an empty domain', `from='alice@/phone'`],
    ['an empty resource', `from='alice@example.org/'`],
    ['availability of the bare JID', `from='alice@example.org'`],
    ['a domain that is none', `from='alice@exa mple/phone'`],
  ]
  for (const [what, attrs] of meaningless) {
    it(`with ${what} means nothing`, () => assert.equal(parse(`<presence ${attrs}/>`), null))
  }

  it('keeps a resource as it is, slashes, at signs and all', () => {
    const said = parse(`<presence from='alice@example.org/a@b/c ÄÖ😀' type='unavailable'/>`)
    assert.equal(said?.from.resource, 'a@b/c ÄÖ😀')
    assert.equal(said?.from.bare, 'alice@example.org')
  })

  it('is of the account, however she spelled herself when she logged in to ejabberd', () => {
    const said = parse(`<presence from='ÉLÈVE@Bücher.example/bu\u0308ro' type='unavailable'/>`)
    assert.deepEqual(said?.from, {
      bare: 'élève@xn--bcher-kva.example',
      domain: 'xn--bcher-kva.example',
      resource: 'büro',
    })
  })

  it('says nothing when its spelling could be of two accounts', () => {
    assert.equal(parse(`<presence from='straße@example.org/x'/>`), null)
  })
})

describe('A message with privileges', () => {
  for (const version of [1, 2]) {
    it(`is read in version ${version} of XEP-0356`, () => {
      const privileges = parsePrivileges(
        readStanza(
          `<message from='example.org'><privilege xmlns='urn:xmpp:privilege:${version}'>` +
            `<perm access='presence' type='managed_entity'/><perm access='roster' type='both'/></privilege></message>`,
        ),
      )
      assert.deepEqual(
        [...(privileges ?? [])],
        [
          ['presence', 'managed_entity'],
          ['roster', 'both'],
        ],
      )
    })
  }

  it('is none with another namespace, forwarded, or without the element', () => {
    for (const xml of [
      `<privilege xmlns='urn:xmpp:privilege:9'><perm access='presence' type='managed_entity'/></privilege>`,
      `<x xmlns='urn:x'><privilege xmlns='urn:xmpp:privilege:2'><perm access='presence' type='managed_entity'/></privilege></x>`,
      '<body>hello</body>',
      '',
    ]) {
      assert.equal(parsePrivileges(readStanza(`<message from='example.org'>${xml}</message>`)), null)
    }
  })
})
