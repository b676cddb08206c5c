import type { Statement } from 'better-sqlite3'
import { type Database, durably } from './database.js'

/** How the log of changes stands. */
export class ChangeLogState {
  readonly #database: Database
  readonly #get: Statement<[string], string | number>
  readonly #set: Statement<[string, string | number]>

  constructor(database: Database) {
    this.#database = database
    this.#get = database.prepare<[string], string | number>('SELECT value FROM change_log WHERE name = ?').pluck()
    this.#set = database.prepare('REPLACE INTO change_log (name, value) VALUES (?, ?)')
  }

  /** What is up to that number is folded. */
  get folded(): number {
    return Number(this.#get.get('folded') ?? 0)
  }

  setFolded(upTo: number): void {
    if (upTo > this.folded) this.#set.run('folded', upTo)
  }

  /** Readers find nothing up to that number. */
  get pruned(): number {
    return Number(this.#get.get('pruned') ?? 0)
  }

  setPruned(upTo: number): void {
    if (upTo > this.pruned) this.#set.run('pruned', upTo)
  }

  get epoch(): string {
    return String(this.#get.get('epoch') ?? '')
  }

  /**
   * To be called when it is opened: what was appended last may have gone with the power, and its numbers would be given anew. So
   * the epoch is another one, unless the log was closed, or it is still the same boot. `boot`: null where none is known.
   */
  opened(boot: string | null, newEpoch: string): void {
    const before = this.#get.get('open')
    const isWhole = before === undefined || (boot !== null && before === boot)
    // On the disk before anything is appended: without it a log that lost its newest with the power would look closed.
    durably(this.#database, () => {
      if (!isWhole || this.epoch === '') this.#set.run('epoch', newEpoch)
      this.#set.run('open', boot ?? '')
    })
  }

  /** To be called last. Need not be on the disk: where this is found, so is all that was appended before it. */
  closed(): void {
    this.#database.prepare("DELETE FROM change_log WHERE name = 'open'").run()
  }
}
