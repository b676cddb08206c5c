import type { PublishedPresence } from './status-rendering.js'
import type { StatusFormat } from './status-url.js'

// Base64url's (RFC 4648 §5).
const LETTERS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
// After each text, and for none; no UTF-16 code unit is so great.
const END = 0x10000
const NONE = 0x10001

/**
 * Weak entity tags (RFC 9110 §8.8.1): a keyed hash, 64 bits, of what a status answer says. Two answers with the same tag may
 * differ in their seconds. All that is hashed stands in the answer as well, so there is nothing to hide, and a collision would
 * deceive only about whoever made it; SHA-256 would be a fifth of all that is ours in the time of a query.
 */
export class EntityTags {
  readonly #key: readonly [number, number]
  // Both halves of what was hashed so far.
  #one = 0
  #two = 0

  /** `key`: 8 bytes or more, the same across restarts. */
  constructor(key: Buffer) {
    this.#key = [key.readInt32LE(0), key.readInt32LE(4)]
  }

  /** `name`: whose answer it is, as who asks calls her. */
  of(name: string | null, { show, text, since, freshness }: PublishedPresence, format: StatusFormat): string {
    this.#one = this.#key[0]
    this.#two = this.#key[1]
    this.#take(name)
    this.#take(show)
    this.#take(freshness)
    this.#take(format)
    this.#take(text)
    if (since === null) this.#takeUnit(NONE)
    else {
      this.#takeUnit(since % 0x100000000)
      this.#takeUnit(since / 0x100000000)
    }
    return `W/"${written(settled(this.#one), settled(this.#two))}"`
  }

  #take(text: string | null): void {
    if (text === null) return this.#takeUnit(NONE)
    for (let i = 0; i < text.length; i++) this.#takeUnit(text.charCodeAt(i))
    this.#takeUnit(END)
  }

  /** FNV-1a, and a second one that also mixes downwards; neither of them sends two units to the same. */
  #takeUnit(unit: number): void {
    this.#one = Math.imul(this.#one ^ unit, 0x01000193)
    this.#two = Math.imul((this.#two ^ (this.#two >>> 15)) + unit, 0x2c1b3c6d)
  }
}

/** Every bit of it depends on all (the finalizer of Murmur3). */
function settled(half: number): number {
  let bits = half
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}

function written(one: number, two: number): string {
  const last = ((one & 3) << 4) | ((two & 3) << 2)
  return String.fromCharCode(
    letter(one >>> 26),
    letter(one >>> 20),
    letter(one >>> 14),
    letter(one >>> 8),
    letter(one >>> 2),
    letter(two >>> 26),
    letter(two >>> 20),
    letter(two >>> 14),
    letter(two >>> 8),
    letter(two >>> 2),
    letter(last),
  )
}

function letter(bits: number): number {
  return LETTERS[bits & 63] ?? 0
}
