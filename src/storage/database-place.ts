import { renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** `lost`: its folder is as it was, and the file is not in it; `replaced`: another file has its name; `unreachable`: neither can be told. */
export interface Displacement {
  readonly kind: 'lost' | 'replaced' | 'unreachable'
  /** For the admin. */
  readonly why: string
}

type Identity = string | null

/**
 * Tells whether an open database is still to be found under its name. One that was deleted or replaced can be read and
 * written for as long as it is open, and is gone with the process. Looks by name only: opening and closing the file would
 * drop the locks that SQLite holds on it.
 */
export class DatabasePlace {
  readonly #file: string
  readonly #directory: string
  readonly #fileIdentity: Identity
  readonly #directoryIdentity: Identity
  #logIdentity: Identity

  /** Of a database that was opened just now. */
  constructor(file: string) {
    this.#file = file
    this.#directory = dirname(file)
    this.#fileIdentity = identity(file)
    this.#directoryIdentity = identity(this.#directory)
    this.#logIdentity = identity(`${file}-wal`)
  }

  /** null: it is where it was. Takes a few µs. */
  displaced(): Displacement | null {
    const file = this.#file
    try {
      const found = identity(file)
      if (found !== null && found === this.#fileIdentity) return null
      if (found !== null) {
        const why = `${file} is another file now: restart to use that one, or put the old one back`
        return { kind: 'replaced', why }
      }
      if (identity(this.#directory) === this.#directoryIdentity) return { kind: 'lost', why: `${file} is gone` }
      return { kind: 'unreachable', why: `${this.#directory} is gone: put it back` }
    } catch (error) {
      return { kind: 'unreachable', why: `${file} cannot be reached (${(error as NodeJS.ErrnoException).code})` }
    }
  }

  /** Takes the write-ahead log away from a file that it does not belong to: whoever opens that would apply it. */
  guardReplacement(): void {
    const log = `${this.#file}-wal`
    const found = identity(log)
    if (this.displaced()?.kind !== 'replaced') {
      this.#logIdentity = found
      return
    }
    if (found === null || found !== this.#logIdentity) return
    renameSync(log, `${log}.old`)
    rmSync(`${this.#file}-shm`, { force: true })
  }
}

function identity(path: string): Identity {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found ? `${found.dev}:${found.ino}` : null
}
