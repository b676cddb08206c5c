import type { BareJid } from './jid.js'
import type { User } from './user.js'

const SMALLEST = 16

/**
 * The users of a domain by their JIDs. A query for one of 100,000 waits for memory more than for anything else, and each look into a
 * Map is five such waits: its bucket, an entry or two, the JIDs of those. Here it is the slot and the user herself, who has her hash.
 * Open addressing, at most half full, and a sixteenth at least.
 */
export class UserTable implements Iterable<User> {
  readonly #seed: number
  /** undefined: was never taken, where a search ends; null: taken once. */
  #slots: (User | null | undefined)[] = new Array(SMALLEST)
  /** Slots that are not undefined. */
  #taken = 0
  #size = 0

  /** `seed`: 32 random bits, so that nobody can choose JIDs that get into one another's way. */
  constructor(seed: number) {
    this.#seed = seed
  }

  get size(): number {
    return this.#size
  }

  get(jid: BareJid): User | undefined {
    return this.#slots[this.#find(jid, this.#hash(jid))] ?? undefined
  }

  /** She must not be in it. */
  add(user: User): void {
    user.hash = this.#hash(user.jid)
    if ((this.#taken + 1) * 2 > this.#slots.length) this.#rebuild()
    this.#put(user)
    this.#size++
  }

  delete(jid: BareJid): void {
    const slot = this.#find(jid, this.#hash(jid))
    if (!this.#slots[slot]) return
    this.#slots[slot] = null
    this.#size--
    if (this.#size * 16 < this.#slots.length && this.#slots.length > SMALLEST) this.#rebuild()
  }

  /** Whoever is in it from the beginning to the end comes once, and nobody who has left, whatever happens meanwhile. */
  *[Symbol.iterator](): Iterator<User> {
    const slots = this.#slots
    for (const user of slots) {
      // The old slots stay as they were when others took their place.
      if (user && (slots === this.#slots || this.get(user.jid) === user)) yield user
    }
  }

  /** The slot that she has, or the one where a search for her ends. */
  #find(jid: BareJid, hash: number): number {
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const user = this.#slots[slot]
      if (user === undefined || (user !== null && user.hash === hash && user.jid === jid)) return slot
    }
  }

  #put(user: User): void {
    const mask = this.#slots.length - 1
    let slot = user.hash & mask
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & mask
    this.#slots[slot] = user
    this.#taken++
  }

  /** With room for as many again, and without the slots that were given back. */
  #rebuild(): void {
    const users = this.#slots
    let length = SMALLEST
    while (length < this.#size * 4) length *= 2
    this.#slots = new Array(length)
    this.#taken = 0
    for (const user of users) if (user) this.#put(user)
  }

  #hash(jid: BareJid): number {
    let hash = this.#seed
    for (let i = 0; i < jid.length; i++) {
      hash = Math.imul(hash ^ jid.charCodeAt(i), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash | 0
  }
}
