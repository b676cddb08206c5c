import type { BareJid } from '../presence/jid.js'

// A buffer, its memory's own, and an entry in a map.
const BYTES_BESIDE = 300

/**
 * Answers that were served lately. Two generations, each of at most so many bytes: when the younger one is full it becomes the
 * older one, and whatever was not asked for since that one did is forgotten.
 */
export class RecentRosters {
  readonly #bytes: number
  #younger = new Map<BareJid, Buffer>()
  #youngerBytes = 0
  #older = new Map<BareJid, Buffer>()

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get(user: BareJid): Buffer | undefined {
    const recent = this.#younger.get(user)
    if (recent !== undefined) return recent
    const answer = this.#older.get(user)
    if (answer !== undefined) this.set(user, answer)
    return answer
  }

  set(user: BareJid, answer: Buffer): void {
    this.delete(user)
    const bytes = answer.length + BYTES_BESIDE
    if (this.#youngerBytes + bytes > this.#bytes) {
      this.#older = this.#younger
      this.#younger = new Map()
      this.#youngerBytes = 0
    }
    this.#younger.set(user, answer)
    this.#youngerBytes += bytes
  }

  delete(user: BareJid): void {
    const before = this.#younger.get(user)
    if (before !== undefined) this.#youngerBytes -= before.length + BYTES_BESIDE
    this.#younger.delete(user)
    this.#older.delete(user)
  }
}
