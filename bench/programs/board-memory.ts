// Needs --expose-gc.
import { systemClock } from '../../src/ops/system-clock.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { answerCalls } from '../support/answer-calls.js'
import { loadBoard } from '../support/load-board.js'

answerCalls({
  /** Bytes of heap that a user's first resource takes on a board of so many users, and a second one. */
  measure(users: number): { first: number; further: number } {
    const board = new PresenceBoard(systemClock, { resources: 32, staleAfterMs: 900_000 })
    board.linkUp()
    const empty = heapUsed()
    loadBoard(board, users, 'phone')
    const one = heapUsed()
    loadBoard(board, users, 'laptop')
    const two = heapUsed()
    // Whoever is not used any more may be gone already.
    board.linkDown()
    return { first: (one - empty) / users, further: (two - one) / users }
  },
})

function heapUsed(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
