import { type Logger, pino } from 'pino'

/** JSON lines on standard output. Messages are ours; nothing that a peer sent is logged whole. */
export type Log = Pick<Logger, 'info' | 'warn' | 'error'>

export function createLog(): Log {
  // Synchronous, so that the last line before an exit is never lost.
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 1, sync: true }))
}
