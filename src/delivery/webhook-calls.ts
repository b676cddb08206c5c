import { Webhook as Signer } from 'standardwebhooks'
import type { AppId } from '../apps/app.js'
import type { Clock } from '../presence/clock.js'
import type { PostOutcome, WebhookPost } from './webhook-post.js'

export interface WebhookCallParts {
  readonly post: WebhookPost
  /** Those to sign with now, the newest first. */
  readonly secrets: (appid: AppId) => Promise<readonly string[]>
  readonly clock: Clock
}

// Derived anew now and then, for an old one ends with time.
const SIGNERS_KEPT_MS = 60_000
// Those of apps that are called; of others that were tried lately some may be among them.
const MOST_SIGNERS = 10_000

export type CallOutcome = PostOutcome & { readonly at: number; readonly ms: number }

/** Calls that are signed as Standard Webhooks has it (https://www.standardwebhooks.com). */
export class WebhookCalls {
  readonly #parts: WebhookCallParts
  readonly #signers = new Map<AppId, { readonly all: Promise<readonly Signer[]>; readonly until: number }>()

  constructor(parts: WebhookCallParts) {
    this.#parts = parts
  }

  /** Its secret may be another one. */
  forget(appid: AppId): void {
    this.#signers.delete(appid)
  }

  async send(
    appid: AppId,
    url: string,
    { id, body }: { readonly id: string; readonly body: string },
    timeoutMs: number,
  ): Promise<CallOutcome> {
    const { post, clock } = this.#parts
    const signers = await this.#signersOf(appid)
    const at = clock.now()
    const signatures = signers.map((signer) => signer.sign(id, new Date(at), body))
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at / 1000)),
      'webhook-signature': signatures.join(' '),
    }
    const began = clock.steady()
    const outcome = await post.post(new URL(url), headers, body, timeoutMs)
    return { ...outcome, at, ms: Math.round(clock.steady() - began) }
  }

  #signersOf(appid: AppId): Promise<readonly Signer[]> {
    const now = this.#parts.clock.now()
    const known = this.#signers.get(appid)
    if (known && now < known.until) return known.all
    const all = this.#parts.secrets(appid).then((secrets) => secrets.map((secret) => new Signer(secret)))
    // The next call asks again.
    all.catch(() => this.#signers.delete(appid))
    if (this.#signers.size >= MOST_SIGNERS) this.#signers.clear()
    this.#signers.set(appid, { all, until: now + SIGNERS_KEPT_MS })
    return all
  }
}
