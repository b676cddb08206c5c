import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { type Database, databaseFile, explainStorage, isDamage, StorageError, storageError } from './database.js'
import { removeDatabase, replaceDatabase, sync } from './database-files.js'
import { DatabasePlace } from './database-place.js'
import { type OpenDatabase, openStores } from './open-stores.js'
import { Salvage } from './salvage.js'
import { secret } from './secrets.js'
import { timeInName } from './time-in-name.js'
import { type Contents, writeDatabase } from './write-database.js'

export interface StorageObserver {
  /** Once when storing begins to fail. */
  failed(reason: string): void
  /** Once when it works again and nothing is waiting; `mended`: what had to be done for it. */
  recovered(mended: string | null): void
}

/** What the gateway knows, whatever became of the file. */
export interface Memory {
  /** Whether something that could not be stored waits to be tried again. */
  waiting(): boolean
  contents(): Omit<Contents, 'secrets' | 'log' | 'rest'>
}

export interface StorageOptions {
  /** What tells one boot of this machine from another; null: nothing does. */
  readonly boot?: string | null
  /** ms since 1970 */
  readonly now?: () => number
}

// What cannot be written anew, because the disk is full perhaps, is not tried at each check.
const CHECKS_BETWEEN_REBUILDS = 10
// So many may have been appended of which nobody here took note.
const UNKNOWN_BATCHES = 1_000_000

/**
 * The database that is in use, and whether what it acknowledges will be found again: nothing is acknowledged that was written
 * to a file that is not there any more. One that is lost or damaged is written anew: from memory, and with what the old one
 * still gives of the rest.
 */
export class DatabaseInUse {
  readonly #directory: string
  readonly #observer: StorageObserver
  readonly #secrets = new Map<string, Buffer>()
  #open: OpenDatabase
  readonly #now: () => number
  readonly #log: { readonly epoch: string; readonly open: string }
  /** That was acknowledged. */
  #lastBatch = 0
  #fault: string | null = null
  #damaged = false
  #mended: string | null = null
  #checksUntilRebuild = 0
  #rebuilding: Promise<void> | null = null

  /** Opens the database in `directory`, made if missing. Throws StorageError. */
  constructor(directory: string, observer: StorageObserver, { boot = null, now = Date.now }: StorageOptions) {
    this.#directory = directory
    this.#observer = observer
    this.#now = now
    this.#open = openStores(directory, now)
    try {
      this.#open.log.opened(boot, randomBytes(8).toString('hex'))
    } catch (error) {
      this.#open.database.close()
      throw storageError(error, directory)
    }
    this.#log = { epoch: this.#open.log.epoch, open: boot ?? '' }
  }

  /** Why storing fails, for the admin; null: it does not, and nothing waits. */
  get fault(): string | null {
    return this.#fault
  }

  /** That batch of the log was acknowledged. */
  appended(batch: number): void {
    this.#lastBatch = batch
  }

  /** A secret of this database, made at first use and kept. */
  secret(name: string, random: (bytes: number) => Buffer): Buffer {
    const value = secret(this.#open.database, name, random)
    this.#secrets.set(name, value)
    return value
  }

  /** Notices what became of the file, and mends what can be mended; to be called each second. */
  check(memory: Memory): void {
    if (this.#rebuilding) return
    try {
      const displaced = this.#open.place.displaced()
      if (displaced) this.#failed(new StorageError(displaced.why))
      this.#open.place.guardReplacement()
      if (this.#damaged || displaced?.kind === 'lost') this.#rebuild(memory)
      else if (this.#fault !== null && !displaced) this.#tryAgain(memory)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Rejects where the newest cannot be stored for good. */
  async close(): Promise<void> {
    await this.#rebuilding
    try {
      this.#open.place.guardReplacement()
      if (this.#fault === null) this.#open.log.closed()
    } finally {
      this.#open.database.close()
    }
  }

  /** Nothing is acknowledged by a reading, so nobody looks at what became of the file. */
  async read<T>(call: (stores: OpenDatabase) => Promise<T>): Promise<T> {
    try {
      return await call(this.#open)
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** Rejects, too, where what was written will not be found again. */
  async write<T>(call: (stores: OpenDatabase) => Promise<T>): Promise<T> {
    try {
      if (this.#damaged || !this.#open.database.open) throw new StorageError(this.#fault ?? 'the database is damaged')
      // Before, so that what is refused is not done all the same in a file that is gone, of which the rest is salvaged.
      this.#demandInPlace()
      const result = await call(this.#open)
      this.#demandInPlace()
      return result
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  #demandInPlace(): void {
    const displaced = this.#open.place.displaced()
    if (displaced) throw new StorageError(displaced.why)
  }

  #failed(error: unknown): void {
    const began = this.#fault === null
    if (isDamage(error)) this.#damaged = true
    this.#fault = explainStorage(error)
    if (began) this.#observer.failed(this.#fault)
  }

  #tryAgain(memory: Memory): void {
    if (!this.#open.database.open) this.#openAgain()
    const { database } = this.#open
    // Writes a page and changes nothing.
    database.pragma(`user_version = ${database.pragma('user_version', { simple: true })}`)
    if (memory.waiting()) return
    const mended = this.#mended
    this.#fault = null
    this.#mended = null
    this.#observer.recovered(mended)
  }

  #rebuild(memory: Memory): void {
    if (this.#checksUntilRebuild-- > 0) return
    this.#checksUntilRebuild = CHECKS_BETWEEN_REBUILDS
    const salvage = new Salvage(this.#open.database)
    const known = {
      ...memory.contents(),
      rest: salvage.tables(),
      secrets: this.#secrets,
      log: { ...this.#log, last: this.#last() },
    }
    this.#rebuilding = this.#writeAnew(known, salvage)
      .catch((error: unknown) => {
        this.#fault = explainStorage(error)
      })
      .finally(() => {
        this.#rebuilding = null
      })
  }

  async #writeAnew(contents: Contents, { lost }: Salvage): Promise<void> {
    const file = databaseFile(this.#directory)
    const fresh = `${file}.new`
    await writeDatabase(fresh, contents)
    // Meanwhile the old one may have come back, or another.
    const displaced = this.#open.place.displaced()
    if (displaced ? displaced.kind !== 'lost' : !this.#damaged) return removeDatabase(fresh)
    this.#open.database.close()
    const kept = `${file}.damaged-${timeInName()}`
    const isKept = replaceDatabase(file, fresh, kept)
    // Ours from here on, though opening it may have to be tried again.
    this.#open = { ...this.#open, place: new DatabasePlace(file) }
    this.#damaged = false
    this.#checksUntilRebuild = 0
    const incomplete = lost.size === 0 ? '' : `; not all could be read of: ${[...lost].join(', ')} (a backup has it)`
    this.#mended = `${file} was written anew from memory${incomplete}${isKept ? `; the damaged one is kept as ${basename(kept)}` : ''}`
    this.#openAgain()
  }

  #openAgain(): void {
    sync(this.#directory)
    this.#open = openStores(this.#directory, this.#now)
  }

  /**
   * A later number than the log has come to. Not the same: what is written anew may have changes that no reader was told of,
   * so all of them must find that they are too late.
   */
  #last(): number {
    try {
      return Math.max(lastBatchIn(this.#open.database), this.#lastBatch) + 1
    } catch {
      return this.#lastBatch + UNKNOWN_BATCHES
    }
  }
}

/** The number that the log has come to, though nothing of it may be left. */
function lastBatchIn(database: Database): number {
  return Number(database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'change_batch'").pluck().get() ?? 0)
}
