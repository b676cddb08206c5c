import { createHmac } from 'node:crypto'
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
const KEYS_KEPT_MS = 60_000
// Those of apps that are called; of others that were tried lately some may be among them.
const MOST_KEYS = 10_000
const SECRET_PREFIX = 'whsec_'

export type CallOutcome = PostOutcome & { readonly at: number; readonly ms: number }

/** Calls that are signed as Standard Webhooks has it (https://www.standardwebhooks.com). */
export class WebhookCalls {
  readonly #parts: WebhookCallParts
  readonly #keys = new Map<AppId, { readonly all: readonly Buffer[]; readonly until: number }>()

  /** How often it was told to forget. */
  #forgotten = 0

  constructor(parts: WebhookCallParts) {
    this.#parts = parts
  }

  /** Its secret may be another one. */
  forget(appid: AppId): void {
    this.#forgotten++
    this.#keys.delete(appid)
  }

  async send(
    appid: AppId,
    url: string,
    { id, body }: { readonly id: string; readonly body: string },
    timeoutMs: number,
    isWanted?: () => boolean,
  ): Promise<CallOutcome> {
    const { post, clock } = this.#parts
    const at = clock.now()
    const known = this.#keys.get(appid)
    // At once, so that it is on its way while its sender does something else.
    const keys = known && at < known.until ? known.all : await this.#keysOf(appid, at)
    const timestamp = String(Math.floor(at / 1000))
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': keys.map((key) => signature(key, `${id}.${timestamp}.${body}`)).join(' '),
    }
    const began = clock.steady()
    const outcome = await post.post(new URL(url), headers, body, timeoutMs, isWanted)
    return { ...outcome, at, ms: Math.round(clock.steady() - began) }
  }

  async #keysOf(appid: AppId, now: number): Promise<readonly Buffer[]> {
    const forgotten = this.#forgotten
    const all = (await this.#parts.secrets(appid)).map(keyOf)
    if (this.#keys.size >= MOST_KEYS) this.#keys.clear()
    if (forgotten === this.#forgotten) this.#keys.set(appid, { all, until: now + KEYS_KEPT_MS })
    return all
  }
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
}

// Not by the package `standardwebhooks`, which hashes in JavaScript: ten times as long.
function signature(key: Buffer, signed: string): string {
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
}
