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

export type CallOutcome = PostOutcome & { readonly at: number; readonly ms: number }

/** Calls that are signed as Standard Webhooks has it (https://www.standardwebhooks.com). */
export class WebhookCalls {
  readonly #parts: WebhookCallParts

  constructor(parts: WebhookCallParts) {
    this.#parts = parts
  }

  async send(
    appid: AppId,
    url: string,
    { id, body }: { readonly id: string; readonly body: string },
    timeoutMs: number,
  ): Promise<CallOutcome> {
    const { post, secrets, clock } = this.#parts
    const at = clock.now()
    const signatures = (await secrets(appid)).map((secret) => new Signer(secret).sign(id, new Date(at), body))
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at / 1000)),
      'webhook-signature': signatures.join(' '),
    }
    const began = clock.steady()
    const outcome = await post.post(new URL(url), headers, body, timeoutMs)
    return { ...outcome, at, ms: Math.round(clock.steady() - began) }
  }
}
