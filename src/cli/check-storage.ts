import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { domainOf } from '../presence/jid.js'
import type { ConsentSource } from '../presence/subscriptions.js'
import { openDatabase } from '../storage/database.js'
import { secret } from '../storage/secrets.js'
import { SqliteSubscriptionStore } from '../storage/sqlite-subscription-store.js'
import type { Findings } from './findings.js'

type Seen = Record<ConsentSource, number>

const PROBE_BYTES = 64 * 1024

/**
 * Writes to the data directory and to the database in it, and leaves nothing behind: whoever checks need not be the user
 * that the gateway will run as. Returns how many users of each domain the gateway sees, by what gave their consent.
 */
export async function checkStorage(directory: string, findings: Findings): Promise<ReadonlyMap<string, Seen>> {
  try {
    if (!existsSync(directory)) {
      writeProbe(existingParent(directory))
      findings.ok('storage', `${directory} will be made by the first start`)
      return new Map()
    }
    const owner = writeProbe(directory)
    const subscribed = existsSync(join(directory, 'gateway.db')) ? await readDatabase(directory) : new Map()
    const { uid } = statSync(directory)
    if (uid === owner) findings.ok('storage', `${directory} can be written`)
    else
      findings.warn('storage', `${directory} belongs to user ${uid}, and you are ${owner}: check as the gateway's user`)
    return subscribed
  } catch (error) {
    findings.fail('storage', explain(directory, error as NodeJS.ErrnoException))
    return new Map()
  }
}

/** Returns the id of the user that we write as. */
function writeProbe(directory: string): number {
  const file = join(directory, `.check-${randomBytes(6).toString('hex')}`)
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeSync(descriptor, Buffer.alloc(PROBE_BYTES))
    fsyncSync(descriptor)
    return statSync(file).uid
  } finally {
    closeSync(descriptor)
    rmSync(file, { force: true })
  }
}

async function readDatabase(directory: string): Promise<Map<string, Seen>> {
  const database = openDatabase(directory)
  try {
    // A write that changes nothing once it was made, and that each start makes.
    secret(database, 'etag', randomBytes)
    const counts = new Map<string, Seen>()
    for (const [user, { consent, by }] of await new SqliteSubscriptionStore(database).subscriptions()) {
      if (consent !== 'granted') continue
      const seen = counts.get(domainOf(user)) ?? { subscription: 0, roster: 0 }
      seen[by]++
      counts.set(domainOf(user), seen)
    }
    return counts
  } finally {
    database.close()
  }
}

function existingParent(directory: string): string {
  const parent = dirname(directory)
  return existsSync(parent) ? parent : existingParent(parent)
}

function explain(directory: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `${directory} cannot be written: give it to the user that the gateway runs as, or mend storage.directory`
    case 'EROFS':
      return `${directory} is on a read-only file system: mend storage.directory`
    case 'ENOSPC':
    case 'EDQUOT':
    case 'SQLITE_FULL':
      return `${directory} cannot be written: the disk is full`
    case 'SQLITE_READONLY':
      return `the database in ${directory} cannot be written: give it to the user that the gateway runs as`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${directory} is no folder: mend storage.directory`
    default:
      return message
  }
}
