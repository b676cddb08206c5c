import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { MIGRATIONS } from './migrations.js'

export type Database = Sqlite.Database

/** The data cannot be used as it is; the message says why and what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

/**
 * Opens `<directory>/gateway.db`, made if missing, and brings its schema up to date. Throws StorageError.
 * A committed transaction survives the end of the process; `durable` ones (see `durably`) a power cut, too.
 */
export function openDatabase(directory: string): Database {
  const file = databaseFile(directory)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return openFile(file)
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError(`${file}: ${explainStorage(error)}`)
  }
}

export function databaseFile(directory: string): string {
  return join(directory, 'gateway.db')
}

/** As `openDatabase`, by the file's name, in a folder that is there. Throws SQLite's own errors, too. */
export function openFile(file: string): Database {
  const database = new Sqlite(file)
  try {
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = NORMAL')
    // 32 MiB: fewer checkpoints, each of which waits for the disk.
    database.pragma('wal_autocheckpoint = 8000')
    // What is deleted is overwritten: in pages that are only given back, whoever deletes her account would stand for as long as nobody
    // needs them.
    database.pragma('secure_delete = ON')
    migrate(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** An error of SQLite's as one for the admin; others as they are. */
export function storageError(error: unknown, directory: string): unknown {
  const { code } = error as { code?: string }
  if (!code?.startsWith('SQLITE_')) return error
  return new StorageError(`${databaseFile(directory)}: ${explainStorage(error)}`)
}

/** Runs it in one transaction that is on the disk, not only with the operating system, when this returns. */
export function durably<T>(database: Database, run: () => T): T {
  database.pragma('synchronous = FULL')
  try {
    return database.transaction(run)()
  } finally {
    database.pragma('synchronous = NORMAL')
  }
}

/** Empties the write-ahead log, in which older pages stand until it is written over; later, if somebody reads from it now. */
export function emptyLog(database: Database): void {
  const patience = database.pragma('busy_timeout', { simple: true })
  database.pragma('busy_timeout = 0')
  try {
    database.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    database.pragma(`busy_timeout = ${patience}`)
  }
}

function migrate(database: Database): void {
  const version = Number(database.pragma('user_version', { simple: true }))
  if (version > MIGRATIONS.length) {
    throw new StorageError(
      `${database.name} was written by a newer presence-gateway (schema ${version}, this one knows ${MIGRATIONS.length})`,
    )
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.transaction(() => {
      database.exec(sql)
      database.pragma(`user_version = ${index + 1}`)
    })()
  }
}

/** Whether the file itself is broken, not only what lies around it. */
export function isDamage(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT') === true
}

/** Why storing fails, for the admin. */
export function explainStorage(error: unknown): string {
  const { code, message } = error as Error & { code?: string }
  if (isDamage(error)) return 'this is no database, or a damaged one; restore a backup, or move it away to begin anew'
  // On a full disk SQLite cannot grow its shared memory either, and calls that an I/O error.
  if (code?.startsWith('SQLITE_IOERR')) return `the disk cannot be written; is it full? (${code})`
  switch (code) {
    case 'SQLITE_FULL':
    case 'ENOSPC':
      return 'the disk is full'
    case 'SQLITE_READONLY':
    case 'EROFS':
    case 'EACCES':
      return 'it cannot be written; check its owner and permissions'
    default:
      return message
  }
}
