import type { BareJid } from '../presence/jid.js'
import type { RosterCopies, RosterCopy } from './roster-copies.js'

// What is told of it is not worth a write at each login.
const SAME_FOR_MS = 60_000
const MAX_UNSAVED_LENGTH = 16 * 1024 * 1024

/** The last good copies, whatever becomes of the storage: nothing here rejects. */
export class GoodCopies {
  readonly #copies: RosterCopies
  /** What could not be stored; beyond 16 Mi characters the oldest is gone. */
  readonly #unsaved = new Map<BareJid, RosterCopy>()
  #unsavedLength = 0

  constructor(copies: RosterCopies) {
    this.#copies = copies
  }

  /** null: there is none, or it cannot be read. */
  async of(user: BareJid): Promise<RosterCopy | null> {
    return this.#unsaved.get(user) ?? (await this.#copies.copyOf(user).catch(() => null))
  }

  async keep(user: BareJid, copy: RosterCopy): Promise<void> {
    const before = this.#unsaved.has(user) ? null : await this.of(user)
    if (before?.contacts === copy.contacts && copy.fetchedAt - before.fetchedAt < SAME_FOR_MS) return
    try {
      await this.#copies.saveCopy(user, copy)
      this.#drop(user)
    } catch {
      // The storage tells by itself that it fails.
      this.#drop(user)
      this.#unsaved.set(user, copy)
      this.#unsavedLength += copy.contacts.length
      for (const oldest of this.#unsaved.keys()) {
        if (this.#unsavedLength <= MAX_UNSAVED_LENGTH) break
        this.#drop(oldest)
      }
    }
  }

  #drop(user: BareJid): void {
    this.#unsavedLength -= this.#unsaved.get(user)?.contacts.length ?? 0
    this.#unsaved.delete(user)
  }
}
