import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { explainStorage, StorageError } from './database.js'

/** Held by the one process that uses a data directory; the operating system lets go of it however that process ends. */
export class DirectoryLock {
  readonly #database: Sqlite.Database

  private constructor(database: Sqlite.Database) {
    this.#database = database
  }

  /** Throws StorageError, naming the process that holds it. */
  static acquire(directory: string, pid: number): DirectoryLock {
    const file = join(directory, 'gateway.lock')
    const holder = join(directory, 'gateway.pid')
    let database: Sqlite.Database | undefined
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      // SQLite's own lock on a file: unlike a file that merely exists, it cannot be left behind.
      database = new Sqlite(file, { timeout: 0 })
      database.exec('BEGIN EXCLUSIVE')
      writeFileSync(holder, `${pid}\n`)
      return new DirectoryLock(database)
    } catch (error) {
      database?.close()
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'SQLITE_BUSY') throw new StorageError(`${directory}: ${explainStorage(error)}`)
      throw new StorageError(`${directory} is in use by process ${readHolder(holder)}`)
    }
  }

  /** Whether another process holds it. */
  static isHeld(directory: string): boolean {
    let database: Sqlite.Database | undefined
    try {
      database = new Sqlite(join(directory, 'gateway.lock'), { timeout: 0, fileMustExist: true })
      database.exec('BEGIN EXCLUSIVE; ROLLBACK')
      return false
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'SQLITE_BUSY'
    } finally {
      database?.close()
    }
  }

  release(): void {
    this.#database.close()
  }
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim() || 'unknown'
  } catch {
    return 'unknown'
  }
}
