import { createECDH, hkdfSync } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from 'jose'
import type { Clock } from '../presence/clock.js'
import type { AppId } from './app.js'

const VALID_SECONDS = 5 * 60
const ALGORITHM = 'ES256'
/** The order of P-256 (SP 800-186 §3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** What a token says, beside who says it and when. */
export interface PresenceClaims {
  readonly appid: AppId
  readonly uid: string
  /** The app's own, so that it knows an answer from one to somebody else's question. */
  readonly state: string | null
}

/** Tells an app, over the user's browser, by which uid it may see her: a JWT (RFC 7519) by ES256, for five minutes. */
export class PresenceTokens {
  readonly #issuer: string
  readonly #clock: Clock
  readonly #private: JWK
  readonly #public: JWK

  /** `issuer`: the public URL. `secret`: 32 random bytes, of which the key is made. */
  constructor(issuer: string, secret: Buffer, clock: Clock) {
    this.#issuer = issuer
    this.#clock = clock
    const { d, ...point } = keyOf(secret)
    this.#public = { ...point, alg: ALGORITHM, use: 'sig' }
    this.#private = { ...point, d }
  }

  async issue({ appid, uid, state }: PresenceClaims): Promise<string> {
    const now = Math.floor(this.#clock.now() / 1000)
    return new SignJWT(state === null ? {} : { nonce: state })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: await this.#kid() })
      .setIssuer(this.#issuer)
      .setAudience(appid)
      .setSubject(uid)
      .setIssuedAt(now)
      .setExpirationTime(now + VALID_SECONDS)
      .sign(await importJWK(this.#private, ALGORITHM))
  }

  /** By which anybody can verify (RFC 7517 §5). */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    return { keys: [{ ...this.#public, kid: await this.#kid() }] }
  }

  #kid(): Promise<string> {
    return calculateJwkThumbprint(this.#public)
  }
}

/** FIPS 186-5 §A.2.1: 64 bits more than the order has, so that each key is as likely as any other. */
function keyOf(secret: Buffer): JWK & { readonly d: string } {
  const bits = Buffer.from(hkdfSync('sha512', secret, '', 'presence-gateway ES256', 40)).toString('hex')
  const d = Buffer.from(((BigInt(`0x${bits}`) % (ORDER - 1n)) + 1n).toString(16).padStart(64, '0'), 'hex')
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(d)
  const point = curve.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((number) => number.toString('base64url'))
  return { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '', d: d.toString('base64url') }
}
