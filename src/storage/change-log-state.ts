import type { Database } from './database.js'

/** How the log of changes stands. */
export class ChangeLogState {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** What is up to that number is folded. */
  get folded(): number {
    return Number(this.#get('folded') ?? 0)
  }

  setFolded(upTo: number): void {
    if (upTo > this.folded) this.#set('folded', upTo)
  }

  /** Readers find nothing up to that number. */
  get pruned(): number {
    return Number(this.#get('pruned') ?? 0)
  }

  setPruned(upTo: number): void {
    if (upTo > this.pruned) this.#set('pruned', upTo)
  }

  get epoch(): string {
    return String(this.#get('epoch') ?? '')
  }

  /**
   * To be called when it is opened: what was appended last may have gone with the power, and its numbers would be given anew. So
   * the epoch is another one, unless the log was closed, or it is still the same boot. `boot`: null where none is known.
   */
  opened(boot: string | null, newEpoch: string): void {
    const before = this.#get('open')
    const isWhole = before === undefined || (boot !== null && before === boot)
    if (!isWhole || this.epoch === '') this.#set('epoch', newEpoch)
    this.#set('open', boot ?? '')
  }

  /** To be called before it is closed, all of it on the disk. */
  closed(): void {
    this.#database.prepare("DELETE FROM change_log WHERE name = 'open'").run()
  }

  #get(name: string): unknown {
    return this.#database.prepare<[string], unknown>('SELECT value FROM change_log WHERE name = ?').pluck().get(name)
  }

  #set(name: string, value: string | number): void {
    this.#database.prepare('REPLACE INTO change_log (name, value) VALUES (?, ?)').run(name, value)
  }
}
