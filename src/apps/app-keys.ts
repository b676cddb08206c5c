import { timingSafeEqual } from 'node:crypto'
import { hashOf } from '../accounts/hash.js'
import type { Clock } from '../presence/clock.js'
import type { AppId } from './app.js'
import { KEY_BYTES } from './app-secrets.js'
import type { AppStore } from './app-store.js'

const GRACE_MS = 3_600_000
// Longer is none of ours, and need not be hashed.
const MAX_KEY = 4 * KEY_BYTES

/** What apps show themselves to us with; only hashes are kept. */
export class AppKeys {
  readonly #store: Pick<AppStore, 'keys' | 'saveKeys'>
  readonly #clock: Clock
  readonly #random: (bytes: number) => Buffer

  constructor(store: Pick<AppStore, 'keys' | 'saveKeys'>, clock: Clock, random: (bytes: number) => Buffer) {
    this.#store = store
    this.#clock = clock
    this.#random = random
  }

  /** A new one: 1,024 characters, to be shown once. None of those before works any more. */
  async issue(appid: AppId): Promise<string> {
    const key = this.#newKey()
    await this.#store.saveKeys(appid, { key: hashOf(key), old: null, oldUntil: null })
    return key
  }

  /**
   * A new one; the one before works for another hour. Within that hour it still does, and not the one between: who pressed
   * twice saw only the last, and has installed neither.
   */
  async rotate(appid: AppId): Promise<string> {
    const key = this.#newKey()
    const before = await this.#store.keys(appid)
    const now = this.#clock.now()
    const old =
      before.oldUntil !== null && now < before.oldUntil ? before : { old: before.key, oldUntil: now + GRACE_MS }
    await this.#store.saveKeys(appid, { key: hashOf(key), old: old.old, oldUntil: old.oldUntil })
    return key
  }

  /** In the same time, whatever is wrong. */
  async admits(appid: AppId, key: string): Promise<boolean> {
    const [current, old] = await this.#valid(appid)
    const hash = hashOf(key.slice(0, MAX_KEY))
    const isCurrent = isSame(hash, current)
    const isOld = isSame(hash, old)
    return isCurrent || isOld
  }

  /** Of those that work now. */
  async hashes(appid: AppId): Promise<readonly string[]> {
    return (await this.#valid(appid)).filter((hash) => hash !== null)
  }

  async #valid(appid: AppId): Promise<readonly [current: string | null, old: string | null]> {
    const { key, old, oldUntil } = await this.#store.keys(appid)
    return [key, oldUntil !== null && this.#clock.now() < oldUntil ? old : null]
  }

  #newKey(): string {
    return this.#random(KEY_BYTES).toString('base64url')
  }
}

function isSame(hash: string, stored: string | null): boolean {
  return timingSafeEqual(Buffer.from(hash), Buffer.from((stored ?? '').padEnd(hash.length))) && stored !== null
}
