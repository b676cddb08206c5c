import assert from 'node:assert/strict'
import { openDatabase } from '../../src/storage/database.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { SqlitePublicationStore } from '../../src/storage/sqlite-publication-store.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { newestIn, WritingProcess } from './contract.js'

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 12)
// What waits for its tick is milliseconds old; a busy machine may stop the process in it.
const SURELY_STORED_MS = 1000

describe('kill -9 while everything is written', () => {
  const directory = temporaryDirectory()

  it(`leaves a whole database with every choice, and every presence but the last ticks', ${ROUNDS} times`, async () => {
    const chosen = new Set<string>()
    for (let round = 1; round <= ROUNDS; round++) {
      const writing = new WritingProcess(directory(), 'everything', round * 1_000_000)
      await writing.said(200 + round * 70)
      await writing.kill()
      const said = writing.lines.map((line) => line.split(' '))
      for (const [what, n] of said) if (what === 'chose') chosen.add(`u${n}@example.org`)
      const puts = said.filter(([what]) => what === 'put').map(([, n, at]) => ({ n: Number(n), at: Number(at) }))
      const stored = Number(said.findLast(([what]) => what === 'stored')?.[1] ?? 0)
      const newest = puts.at(-1)?.at ?? 0
      const database = openDatabase(directory())
      try {
        assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
        const choices = await new SqlitePublicationStore(database).choices()
        for (const user of chosen) assert.equal(choices.get(jid(user)), 'details', `${user} in round ${round}`)
        const presences = await newestIn(new SqlitePresenceStore(database))
        for (const { n, at } of puts) {
          if (n > stored && newest - at < SURELY_STORED_MS) continue
          const found = Number(presences.get(jid(`u${n % 500}@example.org`))?.text ?? 0)
          assert(found >= n, `round ${round}: ${found} instead of ${n}; ${stored} were stored`)
        }
      } finally {
        database.close()
      }
      assert(stored > 0)
    }
  })
})
