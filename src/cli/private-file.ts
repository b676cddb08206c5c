import { randomBytes } from 'node:crypto'
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Writes a file that only its owner may read, whole or not at all. Throws an Error for the admin. */
export function writePrivateFile(file: string, text: string, overwrite: boolean): void {
  // Replaced as a whole: a reader never meets half of it.
  const target = overwrite ? join(dirname(file), `.${randomBytes(6).toString('hex')}.tmp`) : file
  let opened = false
  try {
    const descriptor = openSync(target, 'wx', 0o600)
    opened = true
    try {
      writeSync(descriptor, text)
    } finally {
      closeSync(descriptor)
    }
    if (overwrite) renameSync(target, file)
  } catch (error) {
    if (opened) rmSync(target, { force: true })
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
      return `${file} cannot be written: the disk is full`
    default:
      return message
  }
}
