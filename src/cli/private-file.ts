import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { sync } from '../storage/database-files.js'

/** Writes a file that only its owner may read, whole or not at all. Throws an Error for the admin. */
export function writePrivateFile(file: string, text: string, overwrite: boolean): void {
  placePrivateFile(file, overwrite, (temporary) => explained(file, () => writeFileSync(temporary, text)))
}

/**
 * As `writePrivateFile`, of what `fill` writes to an empty file of the name it is given; what `fill` throws is passed on.
 * On the disk when this returns.
 */
export function placePrivateFile(file: string, overwrite: boolean, fill: (temporary: string) => void): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  explained(file, () => {
    if (!overwrite && existsSync(file)) throw Object.assign(new Error(), { code: 'EEXIST' })
    closeSync(openSync(temporary, 'wx', 0o600))
  })
  try {
    fill(temporary)
    explained(file, () => {
      sync(temporary)
      if (overwrite) renameSync(temporary, file)
      else placeNew(temporary, file)
      sync(dirname(file))
    })
  } finally {
    rmSync(temporary, { force: true })
  }
}

function placeNew(temporary: string, file: string): void {
  try {
    // Unlike a rename, it never replaces what came meanwhile.
    linkSync(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    // Not every file system has hard links.
    renameSync(temporary, file)
  }
}

function explained(file: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw new Error(explain(file, error as NodeJS.ErrnoException))
  }
}

function explain(file: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EEXIST':
      return `${file} is there already: --force overwrites it`
    case 'ENOENT':
      return `${file}: there is no folder ${dirname(file)}`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${file} cannot be written: check the permissions of ${dirname(file)}`
    case 'EISDIR':
    case 'ENOTDIR':
      return `${file} cannot be a file: a folder is in the way`
    case 'ENOSPC':
    case 'EDQUOT':
      return `${file} cannot be written: the disk is full`
    default:
      return message
  }
}
