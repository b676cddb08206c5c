import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import type { App } from '../apps/app.js'
import { AppFault } from '../apps/app-fault.js'
import type { Clock } from '../presence/clock.js'
import { messageId } from './message-id.js'
import type { WebhookCalls } from './webhook-calls.js'

const LIMIT = { points: 10, duration: 60 }
// Who asks waits for the answer, and is cut off after 10 s.
const MOST_MS = 8000

export type TestOutcome = { readonly status: number; readonly ms: number } | { readonly error: string }

export interface TestCallParts {
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
  readonly timeoutMs: number
}

/** Calls a webhook to see what it answers, as often as its members want: nothing follows from it. */
export class TestCalls {
  readonly #calls: WebhookCalls
  readonly #parts: TestCallParts
  // One counter for each app that was tried lately.
  readonly #limiter = new RateLimiterMemory(LIMIT)

  constructor(calls: WebhookCalls, parts: TestCallParts) {
    this.#calls = calls
    this.#parts = parts
  }

  async call({ appid, webhook }: App): Promise<TestOutcome> {
    const { clock, random, timeoutMs } = this.#parts
    if (webhook === null) throw new AppFault('wrong-state', 'it has no webhook')
    await this.#limiter.consume(appid).catch(({ msBeforeNext }: RateLimiterRes) => {
      throw new AppFault('too-often', `at most ${LIMIT.points} times a minute`, msBeforeNext)
    })
    const body = `{"type":"ping","timestamp":"${new Date(clock.now()).toISOString()}"}`
    const message = { id: messageId(random), body }
    const outcome = await this.#calls.send(appid, webhook, message, Math.min(timeoutMs, MOST_MS))
    return 'error' in outcome ? { error: outcome.error } : { status: outcome.status, ms: outcome.ms }
  }
}
