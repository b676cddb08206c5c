import { type Cipher, createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import type { AppId } from '../apps/app.js'
import type { Position } from './position.js'

const BLOCK = 16
const TAG = 8
const CURSOR = /^[A-Za-z0-9_-]{22}$/

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
    const tag = createHmac('sha256', this.#secret).update(`${this.#epoch}:${appid}`).digest().subarray(0, TAG)
    return new AppCursors(this.#key, this.#cipher, Buffer.from(tag))
  }
}

/** Those of one app: 22 characters, one AES block of its tag in this epoch and the position. */
export class AppCursors {
  readonly #key: Buffer
  readonly #cipher: Cipher
  readonly #tag: Buffer

  constructor(key: Buffer, cipher: Cipher, tag: Buffer) {
    this.#key = key
    this.#cipher = cipher
    this.#tag = tag
  }

  write(position: Position): string {
    return this.writeAll([position])[0] ?? ''
  }

  /** Most of what a cursor costs is to begin. */
  writeAll(positions: readonly Position[]): string[] {
    const blocks = Buffer.allocUnsafe(positions.length * BLOCK)
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i] ?? 0
      blocks.set(this.#tag, i * BLOCK)
      blocks.writeUInt32BE(Math.floor(position / 2 ** 32), i * BLOCK + TAG)
      blocks.writeUInt32BE(position >>> 0, i * BLOCK + TAG + 4)
    }
    const written = this.#cipher.update(blocks)
    return positions.map((_, i) => written.toString('base64url', i * BLOCK, (i + 1) * BLOCK))
  }

  /** null: it is none of this app's, or of another epoch. */
  read(cursor: string): Position | null {
    if (!CURSOR.test(cursor)) return null
    const decipher = createDecipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false)
    const block = decipher.update(Buffer.from(cursor, 'base64url'))
    const position = Number(block.readBigUInt64BE(TAG))
    if (!block.subarray(0, TAG).equals(this.#tag) || !Number.isSafeInteger(position)) return null
    // Four bits of the last character say nothing; one spelling of a cursor is enough.
    return this.write(position) === cursor ? position : null
  }
}
