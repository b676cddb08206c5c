import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { parseUserInput } from '../../src/presence/jid.js'
import { nodeprep } from '../support/nodeprep.js'
import { NASTY_LOCALS } from './nasty-locals.js'

/** All of the first two planes, and what there is beyond that folds or vanishes; between letters, as some vanish. */
function* everyCharacter(): Generator<string> {
  const ranges = [
    [0x80, 0xd7ff],
    [0xe000, 0x1ffff],
    [0x2f800, 0x2fa1f],
    [0xe0000, 0xe01ff],
  ] as const
  for (const [first, last] of ranges) {
    for (let code = first; code <= last; code++) yield `a${String.fromCodePoint(code)}b`
  }
}

for (const name of ['Prosody', 'ejabberd'] as const) {
  describe(`A local part as the code of ${name} folds it`, function () {
    this.timeout(120_000)

    async function assertSame(locals: readonly string[]): Promise<void> {
      const own = await nodeprep(name, locals)
      for (const [i, local] of locals.entries()) {
        const parsed = parseUserInput(`${local}@h`)
        if (parsed.fault === undefined && own[i] !== null) assert.equal(parsed.jid, `${own[i]}@h`)
      }
    }

    it('is looked up under that very name, or not at all, with each character of Unicode', async () => {
      await assertSame([...everyCharacter()])
    })

    it('is looked up under that very name, or not at all, with characters that meddle with each other', async () => {
      await assertSame(fc.sample(NASTY_LOCALS, 50_000))
    })
  })
}
