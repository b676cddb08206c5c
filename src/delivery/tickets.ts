import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { hashOf } from '../accounts/hash.js'
import type { AppId } from '../apps/app.js'
import type { Clock } from '../presence/clock.js'

export const MOST_UIDS = 100
/** ms */
export const TICKET_TTL = { least: 1000, usual: 900_000, most: 86_400_000 } as const

const CIPHER = 'aes-256-gcm'
const KEY = 32
const NONCE = 12
const TAG = 16
const TIME = 6
const UID = 16
const MOST_CHARACTERS = Math.ceil(((NONCE + TIME + MOST_UIDS * UID + TAG) * 4) / 3)
const TICKET = /^[A-Za-z0-9_-]+$/
// 16 bytes: the last character stands for two bits.
const A_UID = /^UID[A-Za-z0-9_-]{21}[AQgw]$/

export interface TicketsParts {
  /** Of this database. */
  readonly secret: Buffer
  /** The hashes of the keys that an app may show now. */
  readonly keysOf: (appid: AppId) => Promise<readonly string[]>
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
}

/**
 * What an app's server gives its pages instead of its key: it opens streams, and tells them of some users only. Nothing is
 * stored: a ticket is what it says, sealed under the key that it was asked for with, and is void with that one.
 */
export class Tickets {
  readonly #parts: TicketsParts

  constructor(parts: TicketsParts) {
    this.#parts = parts
  }

  static isUid(text: string): boolean {
    return A_UID.test(text)
  }

  /** `key`: a key of the app. `uids`: at most `MOST_UIDS`, each `isUid`. `expires` in ms since 1970. */
  make(appid: AppId, key: string, uids: readonly string[], ttlMs: number): { ticket: string; expires: number } {
    const expires = this.#parts.clock.now() + ttlMs
    const time = Buffer.alloc(TIME)
    time.writeUIntBE(expires, 0, TIME)
    const nonce = this.#parts.random(NONCE)
    const cipher = createCipheriv(CIPHER, this.#sealing(appid, hashOf(key)), nonce)
    const said = [time, ...uids.map((uid) => Buffer.from(uid.slice(3), 'base64url'))]
    const sealed = Buffer.concat([nonce, cipher.update(Buffer.concat(said)), cipher.final(), cipher.getAuthTag()])
    return { ticket: sealed.toString('base64url'), expires }
  }

  /** The uids that it stands for. null: it is none of that app's, or it has expired. */
  async read(appid: AppId, ticket: string): Promise<ReadonlySet<string> | null> {
    if (ticket.length > MOST_CHARACTERS || !TICKET.test(ticket)) return null
    const sealed = Buffer.from(ticket, 'base64url')
    // One spelling of a ticket is enough.
    if (sealed.length < NONCE + TIME + TAG || sealed.toString('base64url') !== ticket) return null
    for (const hash of await this.#parts.keysOf(appid)) {
      const said = unsealed(sealed, this.#sealing(appid, hash))
      if (said) return said.readUIntBE(0, TIME) > this.#parts.clock.now() ? uidsIn(said.subarray(TIME)) : null
    }
    return null
  }

  #sealing(appid: AppId, keyHash: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#parts.secret, '', `ticket:${appid}:${keyHash}`, KEY))
  }
}

function unsealed(sealed: Buffer, key: Buffer): Buffer | null {
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE), { authTagLength: TAG })
  decipher.setAuthTag(sealed.subarray(-TAG))
  const said = decipher.update(sealed.subarray(NONCE, -TAG))
  try {
    return Buffer.concat([said, decipher.final()])
  } catch {
    return null
  }
}

function uidsIn(bytes: Buffer): ReadonlySet<string> {
  const uids = new Set<string>()
  for (let at = 0; at < bytes.length; at += UID) {
    uids.add(`UID${bytes.subarray(at, at + UID).toString('base64url')}`)
  }
  return uids
}
