import assert from 'node:assert/strict'
import { cleanText } from '../../src/apps/app-text.js'

describe('The text of an app', () => {
  it('is put in order by Unicode only where that is little work, however many marks are piled up', () => {
    const { normalize } = String.prototype
    const seen: string[] = []
    // biome-ignore lint/suspicious/noExplicitAny: it is replaced for a moment only.
    ;(String.prototype as any).normalize = function (this: string, form: 'NFC') {
      seen.push(String(this))
      return normalize.call(this, form)
    }
    try {
      // Marks that come in the wrong order; the joiner between them is not seen, and is taken out.
      for (const pile of ['\u0301\u0323', '\u0301\u034f\u0323', '\u0301\u200b']) {
        assert([...cleanText(`e${pile.repeat(2000)}x`)].length <= 6)
      }
    } finally {
      String.prototype.normalize = normalize
    }
    assert.equal(seen.length, 3)
    for (const text of seen) assert(!/\p{M}{31}/u.test(text), `${text.length} characters`)
  })

  it('is composed all the same', () => {
    assert.equal(cleanText('e\u0301 a\u200b\u0308 o\u0323\u0302'), 'é ä ộ')
  })
})
