import type { BareJid } from '../presence/jid.js'
import { hashOf } from './hash.js'

export interface PublicLinkStore {
  /** The hash of each user's. */
  all(): Promise<Iterable<readonly [BareJid, string]>>
  /** In place of the one she has. Durable once resolved. */
  save(user: BareJid, hash: string): Promise<void>
  /** Durable once resolved. */
  remove(user: BareJid): Promise<void>
}

const BYTES = 16

/** By which anybody sees a user without learning who she is. All of them are in memory: each query may be one. */
export class PublicLinks {
  readonly #store: PublicLinkStore
  readonly #random: (bytes: number) => Buffer
  readonly #hashes = new Map<BareJid, string>()
  readonly #users = new Map<string, BareJid>()

  private constructor(store: PublicLinkStore, random: (bytes: number) => Buffer) {
    this.#store = store
    this.#random = random
  }

  static async load(store: PublicLinkStore, random: (bytes: number) => Buffer): Promise<PublicLinks> {
    const links = new PublicLinks(store, random)
    for (const [user, hash] of await store.all()) links.#put(user, hash)
    return links
  }

  find(token: string): BareJid | null {
    return this.#users.get(hashOf(token)) ?? null
  }

  has(user: BareJid): boolean {
    return this.#hashes.has(user)
  }

  users(): Iterable<BareJid> {
    return this.#hashes.keys()
  }

  /** The hash of each user's. */
  all(): Iterable<readonly [BareJid, string]> {
    return this.#hashes
  }

  /** A new one for her, to be shown once; the one before leads nowhere from now on. Durable once resolved. */
  async renew(user: BareJid): Promise<string> {
    const token = this.#random(BYTES).toString('base64url')
    await this.#store.save(user, hashOf(token))
    this.#put(user, hashOf(token))
    return token
  }

  /** Durable once resolved. */
  async remove(user: BareJid): Promise<void> {
    await this.#store.remove(user)
    this.forget(user)
  }

  /** It is gone from the store already. */
  forget(user: BareJid): void {
    const hash = this.#hashes.get(user)
    this.#hashes.delete(user)
    if (hash !== undefined) this.#users.delete(hash)
  }

  #put(user: BareJid, hash: string): void {
    this.forget(user)
    this.#hashes.set(user, hash)
    this.#users.set(hash, user)
  }
}
