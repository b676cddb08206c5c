import type { BareJid } from '../presence/jid.js'
import type { Printed } from './printed.js'

// A string has a head, and an entry in a map.
const BYTES_BESIDE = 100

/**
 * Rosters that were served lately, as they are printed. Two generations, each of at most so many bytes: when the younger one is
 * full it becomes the older one, and whatever was not asked for since that one did is forgotten.
 */
export class RecentRosters {
  readonly #bytes: number
  #younger = new Map<BareJid, Printed>()
  #youngerBytes = 0
  #older = new Map<BareJid, Printed>()

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get(user: BareJid): Printed | undefined {
    const recent = this.#younger.get(user)
    if (recent !== undefined) return recent
    const printed = this.#older.get(user)
    if (printed !== undefined) this.set(user, printed)
    return printed
  }

  /** Where she is kept: another roster in its place. Who is only written is not asked for. */
  replace(user: BareJid, printed: Printed): void {
    if (this.#younger.has(user) || this.#older.has(user)) this.set(user, printed)
  }

  set(user: BareJid, printed: Printed): void {
    const before = this.#younger.get(user)
    if (before !== undefined) this.#youngerBytes -= before.bytes + BYTES_BESIDE
    this.#older.delete(user)
    this.#younger.set(user, printed)
    this.#youngerBytes += printed.bytes + BYTES_BESIDE
    if (this.#youngerBytes <= this.#bytes) return
    this.#older = this.#younger
    this.#younger = new Map()
    this.#youngerBytes = 0
  }
}
