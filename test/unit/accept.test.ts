import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { negotiate } from '../../src/http/accept.js'

describe('Without a suffix, Accept decides', () => {
  const table: [string | undefined, string][] = [
    [undefined, 'xml'],
    ['', 'xml'],
    ['*/*', 'xml'],
    ['application/xml', 'xml'],
    ['text/xml', 'xml'],
    ['application/json', 'json'],
    ['text/plain', 'txt'],
    ['APPLICATION/JSON', 'json'],
    [' application/json ', 'json'],
    ['application/json;charset=utf-8', 'json'],
    ['application/json, text/plain;q=0.9', 'json'],
    ['application/json;q=0.8, text/plain;q=0.9', 'txt'],
    ['application/json;Q=0.8, text/plain;q=0.9', 'txt'],
    ['application/json; q=0.8 , text/plain; q=0.9', 'txt'],
    ['application/json, */*;q=0.1', 'json'],
    ['application/json, application/xml', 'xml'],
    ['application/json, text/plain', 'xml'],
    // axios, whose list is a tie: three liked alike.
    ['application/json, text/plain, */*', 'xml'],
    ['application/json;q=0.5, text/plain;q=0.5', 'xml'],
    ['application/json;q=0.5, text/plain;q=0.5, application/xml;q=0.4', 'xml'],
    ['application/json;q=0.5, application/xml;q=0.9', 'xml'],
    ['application/json, application/xml;q=0.9', 'json'],
    ['*/*;q=0.5, application/json', 'json'],
    ['*/*, application/json;q=0.5', 'xml'],
    ['text/*', 'xml'],
    ['text/*, application/json;q=0.5', 'xml'],
    ['application/*', 'xml'],
    ['application/*, application/xml;q=0.5, text/xml;q=0', 'json'],
    ['text/*, text/xml;q=0', 'txt'],
    ['text/plain;q=0', 'xml'],
    ['application/json;q=0, text/plain;q=0.1', 'txt'],
    ['application/json;q=0', 'xml'],
    ['*/*;q=0', 'xml'],
    ['image/png', 'xml'],
    ['image/png, application/json;q=0.1', 'json'],
    ['image/svg+xml, image/*;q=0.8', 'xml'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'xml'],
    ['application/json;q=1.000, text/plain;q=0.999', 'json'],
    ['application/json;q=nonsense, text/plain;q=0.1', 'txt'],
    ['application/json;q=2, text/plain;q=0.1', 'txt'],
    ['application/json;q=-1, text/plain;q=0.1', 'txt'],
    ['json', 'xml'],
    [',,;;=,/', 'xml'],
    ['constructor', 'xml'],
  ]
  for (const [accept, format] of table) {
    it(`${format} for ${accept === undefined ? 'none' : JSON.stringify(accept)}`, () =>
      assert.equal(negotiate(accept), format))
  }

  it('for the one liked best, whatever the order', () => {
    const qualities = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(qualities, fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (qualities, order) => {
        const types = ['application/xml', 'application/json', 'text/plain']
        const header = order.map((i) => `${types[i]};q=${(qualities[i] ?? 0) / 1000}`).join(', ')
        const best = qualities.indexOf(Math.max(...qualities))
        assert.equal(negotiate(header), ['xml', 'json', 'txt'][best])
      }),
    )
  })

  it('something, whatever the header is', () => {
    fc.assert(fc.property(fc.string(), (accept) => assert.match(negotiate(accept), /^(xml|json|txt)$/)))
  })
})
