import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cells, clip, harmless } from '../../src/cli/terminal-text.js'

describe('text for a terminal', () => {
  for (const [what, text, expected] of [
    ['an escape sequence', '\x1b[2J\x1b]0;title\x07', '␛[2J␛]0;title␇'],
    ['line breaks and tabs', 'a\r\nb\tc', 'a␍␊b␉c'],
    ['C1 controls', 'a\u009b31mb', 'a\ufffd31mb'],
    ['DEL', '\u007f', '␡'],
    ['a directional override', 'a\u202egnp.exe', 'agnp.exe'],
    ['half a surrogate pair', 'a\ud83d', 'a\ufffd'],
    ['an emoji of several parts', '👩‍👩‍👧 🏳️‍🌈', '👩‍👩‍👧 🏳️‍🌈'],
    ['other scripts', 'שלום 你好', 'שלום 你好'],
  ] as const) {
    it(`makes ${what} harmless`, () => assert.equal(harmless(text), expected))
  }

  for (const [text, width] of [
    ['abc', 3],
    ['你好', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['😀', 2],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['한글', 4],
    ['', 0],
  ] as const) {
    it(`counts ${width} cells for ${JSON.stringify(text)}`, () => assert.equal(cells(text), width))
  }

  for (const [text, columns, expected] of [
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['你好', 4, '你好'],
    ['你好吗', 4, '你…'],
    ['你好', 3, '你…'],
    ['😀', 1, '…'],
    ['abc', 0, ''],
    ['', 5, ''],
  ] as const) {
    it(`cuts ${JSON.stringify(text)} to ${columns} cells`, () => assert.equal(clip(text, columns), expected))
  }

  it('never lets a control through, nor more cells than there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(40), (text, columns) => {
        const cut = clip(harmless(text), columns)
        assert.doesNotMatch(cut, /\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
        assert.ok(cells(cut) <= columns)
      }),
      { numRuns: 3000 },
    )
  })

  it('does not let accents pile up', () => {
    assert.equal(clip(`a${'\u0301'.repeat(500)}b`, 10), '\ufffdb')
  })
})
