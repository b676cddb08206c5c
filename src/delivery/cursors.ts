import { type Cipher, createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { AppId } from '../apps/app.js'
import type { Position } from './position.js'

const BLOCK = 16
const CURSOR = /^[A-Za-z0-9_-]{22}$/

/** What apps name places in the log by: opaque, and of no use to another app. */
export class Cursors {
  readonly #secret: Buffer
  readonly #epoch: Buffer

  /** `epoch`: 16 hex digits. */
  constructor(secret: Buffer, epoch: string) {
    this.#secret = secret
    this.#epoch = Buffer.from(epoch, 'hex')
  }

  of(appid: AppId): AppCursors {
    return new AppCursors(Buffer.from(hkdfSync('sha256', this.#secret, '', `cursor:${appid}`, BLOCK)), this.#epoch)
  }
}

/** Those of one app: 22 characters, one AES block of the epoch and the position. */
export class AppCursors {
  readonly #key: Buffer
  readonly #epoch: Buffer
  #cipher: Cipher | null = null
  readonly #block = Buffer.alloc(BLOCK)

  constructor(key: Buffer, epoch: Buffer) {
    this.#key = key
    this.#epoch = epoch
  }

  write(position: Position): string {
    // No two blocks are the same and each stands alone, so that nothing needs to be chained.
    this.#cipher ??= createCipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false)
    this.#epoch.copy(this.#block)
    this.#block.writeBigUInt64BE(BigInt(position), 8)
    return this.#cipher.update(this.#block).toString('base64url')
  }

  /** null: it is none of this app's, or of another epoch. */
  read(cursor: string): Position | null {
    if (!CURSOR.test(cursor)) return null
    const decipher = createDecipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false)
    const block = decipher.update(Buffer.from(cursor, 'base64url'))
    const position = Number(block.readBigUInt64BE(8))
    if (!block.subarray(0, 8).equals(this.#epoch) || !Number.isSafeInteger(position)) return null
    // Four bits of the last character say nothing; one spelling of a cursor is enough.
    return this.write(position) === cursor ? position : null
  }
}
