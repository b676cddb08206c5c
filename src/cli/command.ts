import type { WriteStream } from 'node:tty'

/** What a command needs of the process. */
export interface Terminal {
  readonly stdout: Pick<WriteStream, 'write' | 'isTTY' | 'columns' | 'rows'>
  readonly stderr: { write(text: string): unknown }
  readonly pid: number
  /** Aborted by SIGINT or SIGTERM. */
  readonly stop: AbortSignal
}

export interface Command {
  /** What follows `presence-gateway`: the command's name and what it takes. */
  readonly usage: string
  /** Half a line: what it is for. */
  readonly summary: string
  /** What `--help` adds, line by line. */
  readonly details: readonly string[]
  /** Resolves with the exit code: 0 done; 1 it could not be done; 2 wrong usage or configuration. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** Wrong usage: said with the command's own line of help, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
