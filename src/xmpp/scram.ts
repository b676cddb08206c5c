import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const HASHES = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-1': 'sha1' } as const
export type ScramMechanism = keyof typeof HASHES

// RFC 5802 §5.1 asks for 4,096. A server, or who plays it, could have us reckon for hours, or for next to nothing.
const MIN_ROUNDS = 4096
const MAX_ROUNDS = 1_000_000
// n: no channel binding (RFC 5802 §7); biws is that in base64.
const GS2_HEADER = 'n,,'
const BINDING = 'biws'

const stretch = promisify(pbkdf2)

/** The client's side of SCRAM (RFC 5802, RFC 7677): the password does not travel, and the server proves that it knows it, too. */
export class Scram {
  readonly mechanism: ScramMechanism
  readonly #password: string
  readonly #nonce: string
  readonly #first: string
  #signature: Buffer | null = null

  /** `nonce`: 128 random bits or more, without a comma. */
  constructor(mechanism: ScramMechanism, username: string, password: string, nonce: string) {
    this.mechanism = mechanism
    this.#password = password.normalize('NFKC')
    this.#nonce = nonce
    this.#first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  first(): string {
    return GS2_HEADER + this.#first
  }

  /** Answers the server's first message. Throws where it is no such message. */
  async answer(challenge: string): Promise<string> {
    const hash = HASHES[this.mechanism]
    const said = fields(challenge)
    const nonce = said.get('r') ?? ''
    const salt = Buffer.from(said.get('s') ?? '', 'base64')
    const rounds = Number(said.get('i'))
    if (said.has('m') || !nonce.startsWith(this.#nonce) || nonce === this.#nonce || salt.length === 0) {
      throw new Error('a challenge that is not SCRAM')
    }
    if (!Number.isInteger(rounds) || rounds < MIN_ROUNDS || rounds > MAX_ROUNDS) {
      throw new Error(`the server asks for ${said.get('i')?.slice(0, 20)} rounds of SCRAM`)
    }
    const length = createHash(hash).digest().length
    const salted = await stretch(this.#password, salt, rounds, length, hash)
    const hmac = (key: Buffer, text: string | Buffer) => createHmac(hash, key).update(text).digest()
    const last = `c=${BINDING},r=${nonce}`
    const whole = `${this.#first},${challenge},${last}`
    const key = hmac(salted, 'Client Key')
    const signature = hmac(createHash(hash).update(key).digest(), whole)
    this.#signature = hmac(hmac(salted, 'Server Key'), whole)
    const proof = Buffer.from(key.map((byte, i) => byte ^ (signature[i] ?? 0)))
    return `${last},p=${proof.toString('base64')}`
  }

  /** Whether the server's last message proves that it knows the password. */
  proves(final: string): boolean {
    const said = Buffer.from(fields(final).get('v') ?? '', 'base64')
    return this.#signature?.length === said.length && timingSafeEqual(said, this.#signature)
  }
}

/** `a=1,b=2` */
function fields(message: string): Map<string, string> {
  return new Map(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]))
}
