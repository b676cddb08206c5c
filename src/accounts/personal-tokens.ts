import type { Clock } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import type { Forgotten } from './forgotten.js'
import { hashOf } from './hash.js'
import type { PersonalToken, PersonalTokenStore } from './personal-token.js'

/** Of one user; more are refused. */
export const MOST_TOKENS = 50
// Of anything that can be seen.
const NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u
// 96 bits name it, 256 more are the secret.
const ID_BYTES = 12
const SECRET_BYTES = 32

/** What a token is to be called; null: it is not 1 to 100 characters that can be seen. */
export function readTokenName(text: string): string | null {
  const name = text.trim()
  return NAME.test(name) ? name : null
}

/** Tokens that users make for their scripts. */
export class PersonalTokens {
  readonly #store: PersonalTokenStore
  readonly #clock: Clock
  readonly #random: (bytes: number) => Buffer
  readonly #forgotten: Pick<Forgotten, 'has'>

  constructor(
    store: PersonalTokenStore,
    clock: Clock,
    random: (bytes: number) => Buffer,
    forgotten: Pick<Forgotten, 'has'>,
  ) {
    this.#store = store
    this.#clock = clock
    this.#random = random
    this.#forgotten = forgotten
  }

  /** `token` is what the script sends, and is known to her alone from then on; it begins with the id. null: she has enough, or was deleted. */
  async create(user: BareJid, name: string): Promise<(PersonalToken & { readonly token: string }) | null> {
    if ((await this.#store.ofUser(user)).length >= MOST_TOKENS) return null
    // While her request was still coming in.
    if (this.#forgotten.has(user)) return null
    const id = `tok_${this.#random(ID_BYTES).toString('base64url')}`
    const token = id + this.#random(SECRET_BYTES).toString('base64url')
    const made = { id, user, name, createdAt: this.#clock.now() }
    await this.#store.save(made, hashOf(token))
    return { ...made, token }
  }

  find(token: string): Promise<PersonalToken | null> {
    return this.#store.find(hashOf(token))
  }

  /** The newest first. */
  ofUser(user: BareJid): Promise<readonly PersonalToken[]> {
    return this.#store.ofUser(user)
  }

  /** false: she has none of that id. */
  remove(user: BareJid, id: string): Promise<boolean> {
    return this.#store.remove(user, id)
  }
}
