import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs'

/** What SQLite keeps beside a database: its write-ahead log, and the index of that. */
export const BESIDE = ['-wal', '-shm'] as const

/** Puts a file, or the names in a folder, on the disk. Never for a database that this process has open: its locks would go. */
export function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** A closed database with what lies beside it. */
export function removeDatabase(file: string): void {
  for (const path of [file, ...BESIDE.map((suffix) => file + suffix)]) rmSync(path, { force: true })
}

/**
 * Puts the closed database `fresh` in the place of the closed one at `file`, which is kept under the new
 * name `kept`; null: none is there. Killed at any moment, one of them is there, whole. Returns whether there was one to keep.
 */
export function replaceDatabase(file: string, fresh: string, kept: string | null): boolean {
  const there = kept !== null && existsSync(file)
  if (there) keep(file, kept)
  // A log that could not be written back is of the old database, and would be applied to the new one.
  if (there && existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${kept}-wal`)
  for (const suffix of BESIDE) rmSync(file + suffix, { force: true })
  renameSync(fresh, file)
  return there
}

function keep(file: string, kept: string): void {
  try {
    linkSync(file, kept)
  } catch {
    // Not every file system has hard links.
    copyFileSync(file, kept, constants.COPYFILE_EXCL)
    sync(kept)
  }
}
