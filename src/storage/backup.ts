import { existsSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { databaseFile, explainStorage, StorageError } from './database.js'

/**
 * Writes what the database in `directory` holds now to the empty file `target`, and reads it again. It may be in use: the
 * copy is of one moment, and waits for nobody. Throws StorageError.
 */
export function backUp(directory: string, target: string): void {
  const file = databaseFile(directory)
  if (!existsSync(file)) throw new StorageError(`there is no database in ${directory}: is storage.directory right?`)
  let database: Sqlite.Database | undefined
  let copy: Sqlite.Database | undefined
  try {
    // Not read-only: what a killed gateway left in the log has to be read, too.
    database = new Sqlite(file, { fileMustExist: true })
    database.prepare('VACUUM INTO ?').run(target)
    copy = new Sqlite(target, { fileMustExist: true, readonly: true })
    const found = copy.pragma('integrity_check', { simple: true })
    if (found !== 'ok') throw new StorageError(`the copy of ${file} is damaged: ${found}`)
  } catch (error) {
    rmSync(`${target}-journal`, { force: true })
    if (error instanceof StorageError) throw error
    throw new StorageError(`${file} cannot be copied to ${dirname(target)}: ${explainStorage(error)}`)
  } finally {
    copy?.close()
    database?.close()
  }
}
