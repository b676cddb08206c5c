import { hash, timingSafeEqual } from 'node:crypto'

// The user of Basic may be called anything.
const MOST_ADMITTED = 100

/** The tokens that open the roster routes. */
export class RosterTokens {
  readonly #digests: readonly Buffer[]
  /** Headers that were admitted: the same few come again and again. */
  readonly #admitted = new Set<string>()

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest)
  }

  /** `authorization`: the header, as Bearer (RFC 6750) or Basic (RFC 7617), there as the password of any user. */
  admits(authorization: string | undefined): boolean {
    if (authorization === undefined) return false
    // Found by a hash of all of it: how long that takes does not tell which other one is near.
    if (this.#admitted.has(authorization)) return true
    const admitted = this.#isToken(tokenIn(authorization))
    if (admitted && this.#admitted.size < MOST_ADMITTED) this.#admitted.add(authorization)
    return admitted
  }

  #isToken(token: string | null): boolean {
    if (token === null) return false
    const given = digest(token)
    // All of them: how long it takes does not tell which one is near.
    return this.#digests.filter((known) => timingSafeEqual(known, given)).length > 0
  }
}

function tokenIn(authorization: string): string | null {
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? []
  if (scheme === '') return null
  if (scheme.toLowerCase() === 'bearer') return credentials
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? []
  return password ?? null
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
