import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { parseStatusTarget } from '../../src/http/status-url.js'
import { Domains } from '../../src/presence/domains.js'

const DOMAINS = new Domains(['example.org', 'x.zip', 'host.txt', 'bücher.example', 'a.json.xml'])

function parse(encoded: string): string {
  const target = parseStatusTarget(encoded, DOMAINS)
  const suffix = target.suffix ? ` as ${target.suffix}` : ''
  if (target.kind === 'link') return `link ${target.token}${suffix}`
  return target.kind === 'user' ? `${target.jid}${suffix}` : `${target.kind}${suffix}`
}

describe('The path of a status query', () => {
  const table: [string, string, string][] = [
    ['a JID', 'alice@example.org', 'alice@example.org'],
    ['upper case', 'Alice@Example.ORG', 'alice@example.org'],
    ['an encoded at sign', 'alice%40example.org', 'alice@example.org'],
    ['.xml', 'alice@example.org.xml', 'alice@example.org as xml'],
    ['.json', 'alice@example.org.json', 'alice@example.org as json'],
    ['.txt', 'alice@example.org.txt', 'alice@example.org as txt'],
    ['an encoded suffix', 'alice@example.org%2Ejson', 'alice@example.org as json'],
    ['one suffix of two', 'alice@example.org.json.xml', 'alice@example.org.json as xml'],
    ['a served domain that ends like a suffix', 'a@host.txt', 'a@host.txt'],
    ['a served domain that ends like a suffix, and a suffix', 'a@host.txt.json', 'a@host.txt as json'],
    ['a served domain that ends like two suffixes', 'a@a.json.xml', 'a@a.json.xml'],
    ['a domain that ends like a suffix and is not served', 'a@other.txt', 'a@other as txt'],
    ['an ending that is no suffix', 'a@x.zip', 'a@x.zip'],
    ['a suffix that is none of ours', 'a@example.org.exe', 'a@example.org.exe'],
    ['a plus sign, which is itself', 'a+b@example.org', 'a+b@example.org'],
    ['an encoded plus sign', 'a%2Bb@example.org', 'a+b@example.org'],
    ['an encoded percent sign, decoded once', 'a%2540b@example.org', 'a%40b@example.org'],
    ['XEP-0106 with an encoded backslash', 'space%5C20cadet@example.org', 'space\\20cadet@example.org'],
    ['UTF-8', '%C3%84rger@example.org', 'ärger@example.org'],
    ['a domain in U-labels', 'a@b%C3%BCcher.example', 'a@xn--bcher-kva.example'],
    ['a domain in A-labels with a suffix', 'a@xn--bcher-kva.example.json', 'a@xn--bcher-kva.example as json'],
    ['a final dot', 'a@example.org.', 'a@example.org'],
    ['an at sign in the local part', 'a@b@example.org', 'malformed'],
    ['an encoded at sign in the local part', 'a%40b@example.org.json', 'malformed as json'],
    ['a suffix in the local part', 'a.json@example.org', 'a.json@example.org'],
    ['a resource', 'alice@example.org/phone', 'malformed'],
    ['an encoded resource', 'alice@example.org%2Fphone', 'malformed'],
    ['a final slash', 'alice@example.org/', 'malformed'],
    ['nothing', '', 'malformed'],
    ['only a suffix', '.json', 'malformed as json'],
    ['no at sign', 'alice', 'malformed'],
    ['no local part', '@example.org', 'malformed'],
    ['no domain', 'alice@', 'malformed'],
    ['half an escape', 'alice%4@example.org', 'malformed'],
    ['an escape that is none', 'alice%zz@example.org', 'malformed'],
    ['an escape that is none, and a suffix', 'alice%zz@example.org.json', 'malformed as json'],
    ['an escape that is no UTF-8', 'alice%ff@example.org', 'malformed'],
    ['an overlong slash', 'alice%c0%af@example.org', 'malformed'],
    ['NUL', 'alice%00@example.org', 'malformed'],
    ['a line feed', 'alice%0a@example.org', 'malformed'],
    ['a space', 'alice%20b@example.org', 'malformed'],
    ['a public link', '~aB3-_', 'link aB3-_'],
    ['a public link with a suffix', '~abc.json', 'link abc as json'],
    ['a public link, escaped', '%7Eabc.txt', 'link abc as txt'],
    ['no more than a tilde', '~', 'malformed'],
    ['a public link with a resource', '~abc/x', 'malformed'],
    ['a JID that begins like a public link', '~abc@example.org', '~abc@example.org'],
    ['a spelling that servers fold in different ways', '%C5%BFtest@example.org', 'nobody'],
    ['such a spelling with a suffix', '%E2%84%AAelvin@example.org.txt', 'nobody as txt'],
    ['a number for a domain', 'a@2130706433', 'a@2130706433'],
  ]
  for (const [what, encoded, expected] of table) {
    it(`with ${what} means ${expected}`, () => assert.equal(parse(encoded), expected))
  }

  it('never throws, and what is found is found again', () => {
    const part = fc.constantFrom(
      '%',
      '%40',
      '@',
      '.json',
      '.',
      '/',
      'a',
      'Ä',
      '%C3%A4',
      '~',
      'example.org',
      '%2F',
      '%00',
      '+',
      '\\',
    )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: part }), fc.string({ unit: 'binary' })), (encoded) => {
        const target = parseStatusTarget(encoded, DOMAINS)
        if (target.kind !== 'user') return
        const again = parseStatusTarget(`${encodeURIComponent(target.jid)}.json`, DOMAINS)
        assert.equal(again.kind === 'user' && again.jid, target.jid)
      }),
      { numRuns: 3000 },
    )
  })
})
