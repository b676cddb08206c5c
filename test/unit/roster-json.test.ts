import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { type Contact, parseContactJid } from '../../src/roster/contact.js'
import { readContact } from '../../src/roster/contact-json.js'
import { MAX_CONTACTS, printContacts, readContacts, readRoster } from '../../src/roster/roster-json.js'

const x = (count: number) => 'x'.repeat(count)
const marie = (value: string) => `{"marie@example.com":${value}}`

/** What somebody wrote → what we print of it, and what was wrong. */
const TABLE: [string, string, string, string[]?][] = [
  ['nobody', '{}', ''],
  ['nobody, as PHP writes it', '[]', ''],
  ['name and groups', marie('{"name":"Marie","groups":{"Friends":true}}'), '"name":"Marie","groups":{"Friends":true}'],
  ['neither', marie('{}'), '"groups":{}'],
  ['neither, as PHP writes it', marie('[]'), '"groups":{}'],
  ['no name', marie('{"name":null}'), '"groups":{}'],
  ['an empty name', marie('{"name":""}'), '"groups":{}'],
  ['no groups', marie('{"groups":null}'), '"groups":{}'],
  ['groups as an array', marie('{"groups":["b","a","b"]}'), '"groups":{"a":true,"b":true}'],
  ['no groups, as PHP writes it', marie('{"groups":[]}'), '"groups":{}'],
  [
    'groups in another order',
    marie('{"groups":{"b":true,"a":1,"2024":"yes"}}'),
    '"groups":{"2024":true,"a":true,"b":true}',
  ],
  ['a group that she is not in', marie('{"groups":{"a":true,"b":false,"c":null}}'), '"groups":{"a":true}'],
  ['what the module ignores', marie('{"subscription":"none","ask":"subscribe","name":"M"}'), '"name":"M","groups":{}'],
  [
    'what XML cannot carry',
    marie('{"name":"A\\u0000\\u0008b\\ud800","groups":["\\uffffc"]}'),
    '"name":"Ab\ufffd","groups":{"c":true}',
  ],
  ['quotes and markup', marie('{"name":"\\"<&>\\\\"}'), '"name":"\\"<&>\\\\","groups":{}'],
  [
    'groups of dangerous names',
    marie('{"groups":{"__proto__":true,"constructor":true}}'),
    '"groups":{"__proto__":true,"constructor":true}',
  ],
  ['a name that is no text', marie('{"name":7}'), '"groups":{}', ['its name is no text']],
  ['a name of 1,023 bytes', marie(`{"name":"${x(1023)}"}`), `"name":"${x(1023)}","groups":{}`],
  ['a longer one', marie(`{"name":"${x(1024)}"}`), '"groups":{}', ['its name is too long']],
  ['one of more bytes than letters', marie(`{"name":"${'ä'.repeat(512)}"}`), '"groups":{}', ['its name is too long']],
  [
    'groups that are none',
    marie('{"groups":"Friends"}'),
    '"groups":{}',
    ['its groups are neither an object nor an array'],
  ],
  ['groups that are no names', marie('{"groups":["a",1,2]}'), '"groups":{"a":true}', ['a group is no text']],
  ['a group without a name', marie('{"groups":{"":true,"a":true}}'), '"groups":{"a":true}', ['a group has no name']],
  ['a group of a long name', marie(`{"groups":["${x(1024)}"]}`), '"groups":{}', ['a group has too long a name']],
]

describe('The JSON of a roster', () => {
  for (const [what, written, printed, faults = []] of TABLE) {
    it(`takes ${what}`, () => {
      const read = readRoster(JSON.parse(written))
      assert(read)
      assert.equal(printContacts(read.roster), printed && `"marie@example.com":{${printed}}`)
      assert.deepEqual(
        read.faults,
        faults.map((why) => ({ entry: 'marie@example.com', why })),
      )
    })
  }

  for (const none of ['null', 'true', '7', '"text"', '["marie@example.com"]', '[{}]']) {
    it(`is not ${none}`, () => assert.equal(readRoster(JSON.parse(none)), null))
  }

  it('leaves out what is no contact, by name, and keeps the others', () => {
    const read = readRoster(
      JSON.parse(
        `{"a@h":{},"no jid":{},"b@h/phone":{},"@h":{},"":{},"straße@h":{},"A@H":{"name":"again"},"c@h":null,
          "d@h":"D","e@h":[1],"service.example.org":{"name":"S"},"__proto__":{"name":"P"},"__proto__.h":{},"contacts":{},"contacts.":{},"${x(2000)}@h":{}}`,
      ),
    )
    assert(read)
    assert.equal(
      printContacts(read.roster),
      '"a@h":{"groups":{}},"service.example.org":{"name":"S","groups":{}},"__proto__.h":{"groups":{}}',
    )
    assert.deepEqual(
      read.faults.map(({ entry, why }) => `${entry}: ${why}`),
      [
        'no jid: is no JID of a contact',
        'b@h/phone: is no JID of a contact',
        '@h: is no JID of a contact',
        ': is no JID of a contact',
        'straße@h: is no JID of a contact',
        'A@H: is another spelling of a contact that is there',
        'c@h: is no object',
        'd@h: is no object',
        'e@h: is no object',
        '__proto__: is no JID of a contact',
        'contacts: is no JID of a contact',
        'contacts.: is no JID of a contact',
        `${x(100)}…: is no JID of a contact`,
      ],
    )
    assert.equal(({} as { name?: string }).name, undefined)
  })

  it('is bounded: contacts, groups, and what is said of what is wrong', () => {
    const many = Object.fromEntries(Array.from({ length: MAX_CONTACTS + 150 }, (_, i) => [`u${i}@h`, {}]))
    const read = readRoster(many)
    assert.equal(read?.roster.size, MAX_CONTACTS)
    assert.equal(read.faults.length, 101)
    assert.deepEqual(read.faults.at(-1), { entry: '…', why: 'and 50 more' })
    const { said, faults } = readContact({ groups: Array.from({ length: 1000 }, (_, i) => `g${i}`) }) ?? {}
    assert.equal(said?.groups?.length, 100)
    assert.deepEqual(faults, ['it is in more than 100 groups'])
  })

  it('says of a contact only what was said', () => {
    assert.deepEqual(readContact({}), { said: {}, faults: [] })
    assert.deepEqual(readContact({ name: null }), { said: { name: null }, faults: [] })
    assert.deepEqual(readContact({ groups: ['a'] }), { said: { groups: ['a'] }, faults: [] })
    assert.equal(readContact('Marie'), null)
  })

  it('reads what it printed, whatever that was', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 })
    const contact = fc.record(
      { name: fc.option(text), groups: fc.oneof(fc.array(text), fc.dictionary(text, fc.boolean())) },
      { requiredKeys: [] },
    )
    const key = fc.oneof(
      fc.constantFrom('1.2', '__proto__.h', '__proto__', 'a\\20b@h'),
      fc.emailAddress(),
      fc.tuple(text, fc.constant('@h')).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(key, contact)), (entries) => {
        const read = readRoster(Object.fromEntries(entries))
        assert(read)
        const printed = printContacts(read.roster)
        assert.deepEqual(readContacts(printed), read.roster)
        // It is in the module's form, and nothing is wrong with it.
        assert.deepEqual(readRoster(JSON.parse(`{${printed}}`)), { roster: read.roster, faults: [] })
        assert.equal(printContacts(readContacts(printed)), printed)
      }),
      { numRuns: 300 },
    )
  })

  it('reads names that are numbers in the order in which it printed them', () => {
    const roster = new Map([['a@h', { name: null, groups: ['!', '1', '10', '2', 'a'] }]])
    assert.deepEqual(readContacts(printContacts(roster)), roster)
  })

  it('never throws, and gives out only what can be served', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(fc.emailAddress(), fc.jsonValue())), (value) => {
        const read = readRoster(value)
        if (read === null) return
        for (const [jid, { name, groups }] of read.roster) {
          assert.equal(parseContactJid(jid), jid)
          for (const text of name === null ? groups : [name, ...groups]) assert.match(text, CARRIED_BY_XML)
          assert.equal(new Set(groups).size, groups.length)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('compares as text: the same roster written otherwise is printed alike', () => {
    const groups: Contact['groups'] = ['c', 'a', '7', 'b']
    const one = readRoster({ 'a@h': { groups } })
    const other = readRoster({ 'A@h': { name: '', groups: Object.fromEntries(groups.map((name) => [name, true])) } })
    assert(one && other)
    assert.equal(printContacts(one.roster), printContacts(other.roster))
  })
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 §2.2.
const CARRIED_BY_XML = /^(?:[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff])+$/u
