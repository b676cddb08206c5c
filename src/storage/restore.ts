import { accessSync, chownSync, constants, copyFileSync, existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { databaseFile, explainStorage, StorageError } from './database.js'
import { BESIDE, removeDatabase, replaceDatabase, sync } from './database-files.js'
import { MIGRATIONS } from './migrations.js'

/** The version of the schema that has them. */
const SESSIONS_SINCE = 5
const CHANGE_LOG_SINCE = 6

/**
 * Puts the backup `source` in the place of the database in `directory`, which nobody may be using. The one before is kept
 * as `kept`; null: there must be none. Returns whether there was one. Killed at any moment, one of them is there, whole. Everybody is
 * signed out by it. Throws StorageError.
 */
export function restore(source: string, directory: string, kept: string | null): boolean {
  const file = databaseFile(directory)
  const fresh = `${file}.restoring`
  // First of all: beside files of root's the gateway could not start, though nothing was restored.
  for (const name of ['gateway.lock', 'gateway.pid']) giveTo(directory, join(directory, name))
  requireReadable(source)
  if (kept === null && existsSync(file)) {
    throw new StorageError(`${file} is there already: --force replaces it, and keeps it beside the new one`)
  }
  try {
    removeDatabase(fresh)
    // Looked at as a copy: opening a database may write to it and beside it.
    for (const suffix of ['', '-wal']) if (existsSync(source + suffix)) copyFileSync(source + suffix, fresh + suffix)
    examine(source, fresh)
    if (existsSync(file)) writeBackLog(file)
    giveTo(directory, fresh)
    sync(fresh)
    const replaced = replaceDatabase(file, fresh, kept)
    sync(directory)
    return replaced
  } catch (error) {
    removeDatabase(fresh)
    if (error instanceof StorageError) throw error
    throw new StorageError(`${source} cannot be restored to ${directory}: ${explainStorage(error)}`)
  }
}

/** Root restores for the user that the gateway runs as, whose the directory is. */
function giveTo(directory: string, path: string): void {
  const { uid, gid } = statSync(directory)
  if (!existsSync(path) || statSync(path).uid === uid) return
  try {
    chownSync(path, uid, gid)
  } catch (error) {
    // Who is not root, and shares the directory by its group, is the user that the gateway runs as.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
}

function requireReadable(source: string): void {
  try {
    if (!statSync(source).isFile()) throw new StorageError(`${source} is no file`)
    accessSync(source, constants.R_OK)
  } catch (error) {
    if (error instanceof StorageError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new StorageError(code === 'ENOENT' ? `there is no file ${source}` : `${source} cannot be read (${code})`)
  }
}

/** Throws StorageError unless the copy is a whole database of ours, of a version that we know. Ends the sessions in it. */
function examine(source: string, copy: string): void {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(copy, { fileMustExist: true })
    const version = Number(database.pragma('user_version', { simple: true }))
    if (version > MIGRATIONS.length) {
      const known = `schema ${version}, this one knows ${MIGRATIONS.length}`
      throw new StorageError(`${source} was written by a newer presence-gateway (${known})`)
    }
    const found = database.pragma('integrity_check', { simple: true })
    if (found !== 'ok') throw new StorageError(`${source} is damaged: ${found}`)
    if (version === 0 || schemaOf(database) !== schemaOfVersion(version)) {
      throw new StorageError(`${source} is a database, but not presence-gateway's`)
    }
    // One that was ended since the backup must not come back, stolen perhaps; to sign in again takes a minute.
    if (version >= SESSIONS_SINCE) database.exec('DELETE FROM session')
    // What was told since would be numbered anew.
    if (version >= CHANGE_LOG_SINCE) database.exec("DELETE FROM change_log WHERE name = 'epoch'")
    // Whole in one file from here on.
    database.pragma('journal_mode = DELETE')
  } catch (error) {
    if (error instanceof StorageError) throw error
    const { code } = error as { code?: string }
    if (code === 'SQLITE_NOTADB') throw new StorageError(`${source} is no database`)
    if (code?.startsWith('SQLITE_CORRUPT')) throw new StorageError(`${source} is damaged`)
    throw error
  } finally {
    database?.close()
  }
  for (const suffix of BESIDE) rmSync(copy + suffix, { force: true })
}

/** So that the replaced database is whole in one file; a damaged one stays as it is, and its log with it. */
function writeBackLog(file: string): void {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(file)
    database.pragma('wal_checkpoint(TRUNCATE)')
  } catch {
    // Then its log is kept beside it.
  } finally {
    database?.close()
  }
}

function schemaOf(database: Sqlite.Database): string {
  const rows = database
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .all()
  return JSON.stringify(rows)
}

function schemaOfVersion(version: number): string {
  const database = new Sqlite(':memory:')
  try {
    for (const sql of MIGRATIONS.slice(0, version)) database.exec(sql)
    return schemaOf(database)
  } finally {
    database.close()
  }
}
