import { createHmac } from 'node:crypto'
import type { BareJid } from '../presence/jid.js'

export interface ForgottenStore {
  all(): Promise<Iterable<string>>
  /** Durable once resolved. */
  remove(hash: string): Promise<void>
}

/** Who had everything deleted that was kept of her: nothing of her is taken in until she signs in again. */
export class Forgotten {
  readonly #store: ForgottenStore
  readonly #secret: Buffer
  /** All that is left of her. One for each account that was deleted; whoever had one was signed in. */
  readonly #hashes: Set<string>

  private constructor(store: ForgottenStore, secret: Buffer, hashes: Iterable<string>) {
    this.#store = store
    this.#secret = secret
    this.#hashes = new Set(hashes)
  }

  /** `secret`: without it nobody can ask the database whether a certain user was here. */
  static async load(store: ForgottenStore, secret: Buffer): Promise<Forgotten> {
    return new Forgotten(store, secret, await store.all())
  }

  has(user: BareJid): boolean {
    return this.#hashes.size > 0 && this.#hashes.has(this.hash(user))
  }

  hashes(): Iterable<string> {
    return this.#hashes
  }

  /** She signed in. false: she was not forgotten. Durable once resolved. */
  async remove(user: BareJid): Promise<boolean> {
    const hash = this.hash(user)
    if (!this.#hashes.has(hash)) return false
    await this.#store.remove(hash)
    return this.#hashes.delete(hash)
  }

  hash(user: BareJid): string {
    return createHmac('sha256', this.#secret).update(user).digest('base64url')
  }

  /** In memory, for whoever stores it; returns what takes it back where that fails. */
  add(user: BareJid): () => void {
    const hash = this.hash(user)
    // Who was forgotten before stays so.
    if (this.#hashes.has(hash)) return () => {}
    this.#hashes.add(hash)
    return () => void this.#hashes.delete(hash)
  }
}
