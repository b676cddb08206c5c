import assert from 'node:assert/strict'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { type PublishedPresence, publish, render as rendered, renderFault } from '../../src/http/status-rendering.js'
import type { StatusFormat } from '../../src/http/status-url.js'

const NOW = Date.parse('2026-03-01T12:00:00.000Z')

function render(presence: PublishedPresence, format: StatusFormat, now: number): string {
  return Buffer.from(rendered(presence, format, now), 'latin1').toString()
}

function someone(said: Partial<PublishedPresence>): PublishedPresence {
  return { jid: 'support@example.org', show: 'online', text: null, since: null, freshness: 'live', ...said }
}

describe('A status in XML', () => {
  const open = '<presence xmlns="jabber:client" from="support@example.org">'
  const table: [string, Partial<PublishedPresence>, string][] = [
    [
      'is docs/architecture.md’s example to the byte',
      { show: 'xa', text: 'text', since: NOW - 8_973_000 },
      `${open}<show>xa</show><status>text</status><query xmlns="jabber:iq:last" seconds="8973"/></presence>`,
    ],
    ['has no show when plainly online', {}, `${open}</presence>`],
    ['shows chat', { show: 'chat' }, `${open}<show>chat</show></presence>`],
    ['shows away', { show: 'away' }, `${open}<show>away</show></presence>`],
    ['shows dnd', { show: 'dnd' }, `${open}<show>dnd</show></presence>`],
    [
      'is unavailable when offline, with the last words and since when',
      { show: 'offline', text: 'bye', since: NOW - 1000 },
      '<presence xmlns="jabber:client" from="support@example.org" type="unavailable"><status>bye</status>' +
        '<query xmlns="jabber:iq:last" seconds="1"/></presence>',
    ],
    [
      'is unavailable and nothing more when nothing more is known',
      { show: 'offline' },
      '<presence xmlns="jabber:client" from="support@example.org" type="unavailable"></presence>',
    ],
    [
      'escapes markup, and leaves quotes and emoji alone',
      { text: `<b>&amp;"'</b> ]]> 😀` },
      `${open}<status>&lt;b&gt;&amp;amp;"'&lt;/b&gt; ]]&gt; 😀</status></presence>`,
    ],
    ['keeps line ends', { text: 'a\nb\r\nc\td' }, `${open}<status>a\nb&#13;\nc\td</status></presence>`],
    ['counts whole seconds', { since: NOW - 1999 }, `${open}<query xmlns="jabber:iq:last" seconds="1"/></presence>`],
    ['never counts below 0', { since: NOW + 5000 }, `${open}<query xmlns="jabber:iq:last" seconds="0"/></presence>`],
    [
      'says that the presence is unknown',
      { show: 'unknown', freshness: 'unknown' },
      '<presence xmlns="jabber:client" from="support@example.org" type="error"><error type="wait">' +
        '<remote-server-timeout xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>',
    ],
  ]
  for (const [what, said, xml] of table) {
    it(what, () => {
      assert.equal(render(someone(said), 'xml', NOW), xml)
      assert.equal(XMLValidator.validate(xml), true)
    })
  }

  it('says to a strict parser what was said', () => {
    const text = `<&>"' ]]> &lt; 👩‍💻 \t e\u0301`
    const parser = new XMLParser({ ignoreAttributes: false, parseTagValue: false, trimValues: false })
    assert.equal(parser.parse(render(someone({ text }), 'xml', NOW)).presence.status, text)
  })
})

describe('A status in JSON', () => {
  const table: [string, Partial<PublishedPresence>, string][] = [
    [
      'has every field, in order',
      { show: 'xa', text: 'a "text" </script>', since: NOW - 8_973_123 },
      '{"jid":"support@example.org","status":"away","show":"xa","text":"a \\"text\\" </script>",' +
        '"since":"2026-03-01T09:30:26.877Z","seconds":8973,"freshness":"live"}',
    ],
    [
      'has null where there is no value',
      { freshness: 'stale' },
      '{"jid":"support@example.org","status":"online","show":"online","text":null,"since":null,"seconds":null,"freshness":"stale"}',
    ],
    [
      'says unknown',
      { show: 'unknown', freshness: 'unknown' },
      '{"jid":"support@example.org","status":"unknown","show":"unknown","text":null,"since":null,"seconds":null,"freshness":"unknown"}',
    ],
  ]
  for (const [what, said, json] of table) it(what, () => assert.equal(render(someone(said), 'json', NOW), json))

  for (const [show, status] of [
    ['chat', 'online'],
    ['online', 'online'],
    ['away', 'away'],
    ['xa', 'away'],
    ['dnd', 'unavailable'],
    ['offline', 'offline'],
    ['unknown', 'unknown'],
  ] as const) {
    it(`tells applications ${status} for ${show}`, () => {
      assert.equal(JSON.parse(render(someone({ show }), 'json', NOW)).status, status)
    })
  }
})

describe('A status in text', () => {
  for (const show of ['chat', 'online', 'away', 'xa', 'dnd', 'offline', 'unknown'] as const) {
    it(`is the show, ${show}`, () => assert.equal(render(someone({ show, text: 'secret' }), 'txt', NOW), show))
  }
})

describe('A query for nobody', () => {
  it('is answered item-not-found in each format', () => {
    assert.equal(
      renderFault('item-not-found', 'xml'),
      '<presence xmlns="jabber:client" type="error"><error type="cancel">' +
        '<item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>',
    )
    assert.equal(renderFault('item-not-found', 'json'), '{"error":"item-not-found"}')
    assert.equal(renderFault('item-not-found', 'txt'), 'item-not-found')
  })

  it('that is malformed is errno 102 in JSON', () => {
    const { result, errno } = JSON.parse(renderFault('jid-malformed', 'json'))
    assert.deepEqual([result, errno], ['KO', 102])
  })
})

describe('A publication', () => {
  const presence = { show: 'away', text: 'lunch', since: NOW, freshness: 'live' } as const

  it('of details has the text', () => {
    assert.deepEqual(publish('a@h', presence, 'details'), { jid: 'a@h', ...presence })
  })

  it('of the status only has no text', () => {
    assert.deepEqual(publish('a@h', presence, 'status'), { jid: 'a@h', ...presence, text: null })
  })
})
