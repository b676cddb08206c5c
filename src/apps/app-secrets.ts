import { createHmac, hkdfSync } from 'node:crypto'
import type { AppId } from './app.js'

// 1,024 characters of base64url.
export const KEY_BYTES = 768

/** What must be shown again and again is derived from a secret of the database, and stands nowhere. */
export class AppSecrets {
  readonly #secret: Buffer

  constructor(secret: Buffer) {
    this.#secret = secret
  }

  /** What the domain has to show: 1,024 characters, different for each app. */
  proofKey(appid: AppId): string {
    return Buffer.from(hkdfSync('sha512', this.#secret, '', `proof:${appid}`, KEY_BYTES)).toString('base64url')
  }

  /** As Standard Webhooks has it. */
  webhookSecret(appid: AppId, generation: number): string {
    return `whsec_${createHmac('sha256', this.#secret).update(`webhook:${appid}:${generation}`).digest('base64')}`
  }
}
