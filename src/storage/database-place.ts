import { type BigIntStats, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * `lost`: deleted from a folder that is as it was, or cut short; `replaced`: another file has its name; `unreachable`:
 * neither can be told.
 */
export interface Displacement {
  readonly kind: 'lost' | 'replaced' | 'unreachable'
  /** For the admin. */
  readonly why: string
}

/**
 * Tells whether an open database is still what its name stands for. One that was deleted or replaced can be read and
 * written for as long as it is open, and is gone with the process. Looks by name only: opening and closing the file would
 * drop the locks that SQLite holds on it.
 */
export class DatabasePlace {
  readonly #file: string
  readonly #log: string
  readonly #directory: string
  readonly #fileIdentity: string | null
  /** null: there was none, as nobody had opened the database. */
  readonly #logIdentity: string | null
  readonly #directoryIdentity: string | null
  #bytes = 0n

  /** Of a database that was opened just now, or is about to be. */
  constructor(file: string) {
    this.#file = file
    this.#log = `${file}-wal`
    this.#directory = dirname(file)
    this.#fileIdentity = identity(look(file))
    this.#logIdentity = identity(look(this.#log))
    this.#directoryIdentity = identity(look(this.#directory))
  }

  /** null: all is as it was. Takes a few µs. */
  displaced(): Displacement | null {
    const file = this.#file
    try {
      const found = look(file)
      if (found === null) {
        if (identity(look(this.#directory)) === this.#directoryIdentity) return { kind: 'lost', why: `${file} is gone` }
        return { kind: 'unreachable', why: `${this.#directory} is gone: put it back` }
      }
      if (identity(found) !== this.#fileIdentity) {
        const why = `${file} is another file now: restart to use that one, or put the old one back`
        return { kind: 'replaced', why }
      }
      // SQLite's never shrink, unless told to.
      if (found.size < this.#bytes) return { kind: 'lost', why: `${file} was cut short` }
      this.#bytes = found.size
      // What is committed is in the log first.
      const isLog = this.#logIdentity === null || identity(look(this.#log)) === this.#logIdentity
      if (!isLog) return { kind: 'lost', why: `${this.#log} is gone` }
      return null
    } catch (error) {
      return { kind: 'unreachable', why: `${file} cannot be reached (${(error as NodeJS.ErrnoException).code})` }
    }
  }

  /** Takes the write-ahead log away from a file that it does not belong to: whoever opens that would apply it. */
  guardReplacement(): void {
    if (this.displaced()?.kind !== 'replaced') return
    const found = identity(look(this.#log))
    if (found === null || found !== this.#logIdentity) return
    renameSync(this.#log, `${this.#log}.old`)
    rmSync(`${this.#file}-shm`, { force: true })
  }
}

function look(path: string): BigIntStats | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null
}

function identity(found: BigIntStats | null): string | null {
  return found && `${found.dev}:${found.ino}`
}
