import assert from 'node:assert/strict'
import { readHosts } from '../../src/apps/app-domain.js'
import { readRedirect, withQuery } from '../../src/apps/redirect.js'

const APP = { domain: 'example.org', hosts: ['app.example.org', 'shop.example.org'] }
const NOWHERE_PRIVATE = { isAllowedPrivate: async () => false }
const EVERYWHERE_PRIVATE = { isAllowedPrivate: async () => true }

const TAKEN: readonly [string, string][] = [
  ['https://example.org', 'https://example.org/'],
  ['https://example.org/', 'https://example.org/'],
  ['https://example.org/cb?a=1&b=%20+', 'https://example.org/cb?a=1&b=%20+'],
  ['https://example.org?a', 'https://example.org/?a'],
  ['https://app.example.org/cb', 'https://app.example.org/cb'],
  ['https://example.org:443/', 'https://example.org/'],
  ['https://example.org:00443/', 'https://example.org/'],
  ['HTTPS://EXAMPLE.ORG/Path', 'https://example.org/Path'],
  ['https://example.org//evil.com', 'https://example.org//evil.com'],
  ['https://example.org/..//evil.com/', 'https://example.org//evil.com/'],
  ['https://example.org/@evil.com', 'https://example.org/@evil.com'],
  ['https://example.org/?next=https://evil.com/', 'https://example.org/?next=https://evil.com/'],
  ['https://example.org/?presence_token=stolen', 'https://example.org/'],
  ['https://example.org/?a=1&presence_token=stolen&b=%41', 'https://example.org/?a=1&b=%41'],
  ['https://example.org/?Presence-UID=UIDother&a', 'https://example.org/?a'],
  ['https://example.org/?state=x&error=y&state=z', 'https://example.org/'],
  ['https://example.org/?presence%5Ftoken=x', 'https://example.org/'],
  ['https://example.org/?presence.token=x&presence+token=y&%20state=z&c', 'https://example.org/?c'],
  ['https://example.org/?state[]=x&PRESENCE-UID=y&c', 'https://example.org/?c'],
  ['https://example.org/?a=1;presence_token=x&c', 'https://example.org/?c'],
  ['https://example.org/?estate=x&presence_tokens=y', 'https://example.org/?estate=x&presence_tokens=y'],
  [`https://example.org/${'x'.repeat(4096 - 20)}`, `https://example.org/${'x'.repeat(4096 - 20)}`],
]

const REFUSED: readonly string[] = [
  '',
  '/cb',
  'example.org',
  '//example.org',
  '//evil.com',
  'http://example.org/',
  'ftp://example.org/',
  'javascript:alert(1)//example.org',
  'javascript://example.org/%0aalert(1)',
  'data:text/html,https://example.org',
  'https:example.org',
  'https:/example.org',
  'https:///example.org/',
  'https:evil.com',
  'https:/evil.com',
  'https://evil.com',
  'https://evil.com/https://example.org/',
  'https://evil.com?https://example.org',
  'https://evil.com#https://example.org',
  'https://evil.com\\.example.org/',
  'https://example.org\\@evil.com/',
  'https:\\\\example.org',
  'https://example.org\\evil',
  'https://example.org.evil.com/',
  'https://evilexample.org/',
  'https://evil.example.org/',
  'https://sub.app.example.org/',
  'https://org/',
  'https://example.org./',
  'https://example.org../',
  'https://.example.org/',
  'https://example.org:8443/',
  'https://example.org:80/',
  'https://example.org:/',
  'https://example.org:99999/',
  'https://user@example.org/',
  'https://user:password@example.org/',
  'https://example.org@evil.com/',
  'https://example.org:443@evil.com/',
  'https://@example.org/',
  'https://example%2eorg/',
  'https://example.org%2f@evil.com/',
  'https://example.org%00.evil.com/',
  'https://example。org/',
  'https://ｅxample.org/',
  'https://exаmple.org/',
  'https://xn--exmple-4nf.org/',
  'https://example.org/#fragment',
  'https://example.org/#',
  ' https://example.org/',
  'https://example.org/ ',
  'https://example.org/\t',
  'ht\ntps://example.org/',
  'https://exam\tple.org/',
  'https://example.org\r\nLocation: https://evil.com/',
  'https://example.org/\0',
  'https://example.org\u2028/',
  'https://example.org/ü',
  'https://[::1]/',
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  `https://example.org/${'x'.repeat(4096)}`,
]

describe('A redirect of an app', () => {
  const read = async (
    text: string,
    app: Parameters<typeof readRedirect>[1] = APP,
    outbound: Parameters<typeof readRedirect>[2] = NOWHERE_PRIVATE,
  ) => (await readRedirect(text, app, outbound))?.href ?? null

  for (const [text, expected] of TAKEN) {
    it(`is taken: ${JSON.stringify(text.slice(0, 80))}`, async () => assert.equal(await read(text), expected))
  }

  for (const text of REFUSED) {
    it(`is refused: ${JSON.stringify(text.slice(0, 80))}`, async () => assert.equal(await read(text), null))
  }

  it('leads a browser to the proven domain or a listed host, whatever was tried', async () => {
    const allowed = new Set(['https://example.org', 'https://app.example.org', 'https://shop.example.org'])
    for (const text of [...TAKEN.map(([tried]) => tried), ...REFUSED]) {
      const url = await readRedirect(text, APP, NOWHERE_PRIVATE)
      if (!url) continue
      const location = withQuery(url, {
        'Presence-UID': 'UID1',
        state: 'https://evil.com/\r\n@',
        presence_token: 'a.b',
      })
      // As a browser reads the header: against the page that it is on.
      const seen = new URL(location.href, 'https://gateway.example/app_x/grant')
      assert(allowed.has(seen.origin) && seen.username === '' && seen.password === '', `${text} leads to ${seen.href}`)
      const ours = ['Presence-UID', 'state', 'presence_token', 'error'].map((name) => seen.searchParams.getAll(name))
      assert.deepEqual(ours, [['UID1'], ['https://evil.com/\r\n@'], ['a.b'], []], text)
    }
  })

  it('may be plain http only where all of the host’s addresses are allowed although private', async () => {
    assert.equal(await read('http://example.org/cb'), null)
    assert.equal(await read('http://example.org/cb', APP, EVERYWHERE_PRIVATE), 'http://example.org/cb')
    assert.equal(await read('http://example.org:443/cb', APP, EVERYWHERE_PRIVATE), null)
    assert.equal(await read('http://evil.com/cb', APP, EVERYWHERE_PRIVATE), null)
    const asked: string[] = []
    const asking = { isAllowedPrivate: async (host: string) => asked.push(host) > 0 }
    assert.equal(await read('http://[::1]:8080/', { domain: '[::1]:8080', hosts: [] }, asking), 'http://[::1]:8080/')
    assert.deepEqual(asked, ['[::1]'])
  })

  it('has the port of the proven domain, if that has one, and no other', async () => {
    const local = { domain: 'localhost:3000', hosts: readHosts(['app.localhost:3000'], 'localhost:3000') }
    assert.equal(await read('http://localhost:3000/', local, EVERYWHERE_PRIVATE), 'http://localhost:3000/')
    assert.equal(await read('https://localhost:3000/', local), 'https://localhost:3000/')
    assert.equal(await read('http://app.localhost:3000/', local, EVERYWHERE_PRIVATE), 'http://app.localhost:3000/')
    for (const port of ['', ':80', ':443', ':3001']) {
      for (const host of ['localhost', 'app.localhost']) {
        assert.equal(await read(`http://${host}${port}/`, local, EVERYWHERE_PRIVATE), null)
      }
      assert.equal(await read(`https://localhost${port}/`, local, EVERYWHERE_PRIVATE), null)
    }
  })

  it('leads to no listed host that is not below the proven domain', async () => {
    const app = { domain: 'example.org', hosts: ['evil.com', 'evilexample.org'] }
    assert.equal(await read('https://evil.com/', app), null)
    assert.equal(await read('https://evilexample.org/', app), null)
  })
})
