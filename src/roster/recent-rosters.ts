import type { BareJid } from '../presence/jid.js'
import type { Printed } from './printed.js'

// A string has a head, and an entry in a map.
const BYTES_BESIDE = 100

/**
 * Rosters that were served or written lately, as they are printed: at most so many bytes. Two generations: when the younger
 * one has half of the bytes it becomes the older one, and whatever was not asked for since is forgotten with that.
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

  set(user: BareJid, printed: Printed): void {
    const before = this.#younger.get(user)
    if (before !== undefined) this.#youngerBytes -= before.bytes + BYTES_BESIDE
    this.#older.delete(user)
    this.#younger.set(user, printed)
    this.#youngerBytes += printed.bytes + BYTES_BESIDE
    if (this.#youngerBytes * 2 <= this.#bytes) return
    this.#older = this.#younger
    this.#younger = new Map()
    this.#youngerBytes = 0
  }
}
