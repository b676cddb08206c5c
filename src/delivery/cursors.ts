import { type Cipher, createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import type { AppId } from '../apps/app.js'
import type { Position } from './position.js'

const BLOCK = 16
const TAG = 8
const LETTERS = 22
// Of each block base64 makes whole letters then, so that all can be written at once: to begin is most of what that costs, too.
const SPACED = 18
const SPACED_LETTERS = 24
const CURSOR = /^[A-Za-z0-9_-]{22}$/

/** A place in the log that is to be named to somebody. */
interface Place {
  readonly position: Position
  /** '': it is not named yet. */
  cursor: string
}

/** What apps name places in the log by: opaque, and of no use to another app. */
export class Cursors {
  readonly #secret: Buffer
  readonly #epoch: string
  readonly #key: Buffer
  readonly #cipher: Cipher

  /** `epoch`: 16 hex digits. */
  constructor(secret: Buffer, epoch: string) {
    this.#secret = secret
    this.#epoch = epoch
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'cursor', BLOCK))
    // No two blocks are the same and each stands alone, so that nothing needs to be chained.
    this.#cipher = createCipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false)
  }

  of(appid: AppId): AppCursors {
    const tag = createHmac('sha256', this.#secret).update(`${this.#epoch}:${appid}`).digest()
    return new AppCursors(this, tag.readUInt32BE(0), tag.readUInt32BE(TAG / 2))
  }

  /** Names places to several apps at once: most of what a cursor costs is to begin. Each is cut out of all of them: not to be kept. */
  name(apps: readonly { readonly cursors: AppCursors; readonly pending: readonly Place[] }[]): void {
    const count = apps.reduce((sum, { pending }) => sum + pending.length, 0)
    const blocks = Buffer.allocUnsafe(count * BLOCK)
    const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.length)
    let at = 0
    for (const { cursors, pending } of apps) {
      for (const { position } of pending) {
        view.setUint32(at, cursors.high)
        view.setUint32(at + 4, cursors.low)
        view.setUint32(at + TAG, Math.floor(position / 2 ** 32))
        view.setUint32(at + TAG + 4, position >>> 0)
        at += BLOCK
      }
    }
    const text = spaced(this.#cipher.update(blocks)).toString('base64url')
    at = 0
    for (const { pending } of apps) {
      for (const place of pending) {
        place.cursor = text.slice(at, at + LETTERS)
        at += SPACED_LETTERS
      }
    }
  }

  /** Whose tag it has, and where it leads. */
  read(cursor: string): { readonly high: number; readonly low: number; readonly position: number } {
    const decipher = createDecipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false)
    const block = decipher.update(Buffer.from(cursor, 'base64url'))
    return { high: block.readUInt32BE(0), low: block.readUInt32BE(4), position: Number(block.readBigUInt64BE(TAG)) }
  }
}

/** Those of one app: 22 characters, one AES block of its tag in this epoch and the position. */
export class AppCursors {
  readonly #cursors: Cursors
  /** The halves of its tag. */
  readonly high: number
  readonly low: number

  constructor(cursors: Cursors, high: number, low: number) {
    this.#cursors = cursors
    this.high = high
    this.low = low
  }

  write(position: Position): string {
    const place = { position, cursor: '' }
    this.name([place])
    return place.cursor
  }

  name(pending: readonly Place[]): void {
    this.#cursors.name([{ cursors: this, pending }])
  }

  /** null: it is none of this app's, or of another epoch. */
  read(cursor: string): Position | null {
    if (!CURSOR.test(cursor)) return null
    const { high, low, position } = this.#cursors.read(cursor)
    if (high !== this.high || low !== this.low || !Number.isSafeInteger(position)) return null
    // Four bits of the last character say nothing; one spelling of a cursor is enough.
    return this.write(position) === cursor ? position : null
  }
}

function spaced(blocks: Buffer): Buffer {
  const count = blocks.length / BLOCK
  const all = Buffer.alloc(count * SPACED)
  for (let i = 0; i < count; i++) {
    // Sooner done than by a call for each.
    for (let byte = 0; byte < BLOCK; byte++) all[i * SPACED + byte] = blocks[i * BLOCK + byte] ?? 0
  }
  return all
}
