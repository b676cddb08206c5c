import { batchStatus } from '../support/batch-status.js'
import type { GatewayProcess } from '../support/gateway-process.js'

const AT_ONCE = 500
const ANSWER_WITHIN_MS = 10_000
const KEPT_FAULTS = 10

/**
 * Asks for random users all the time, and holds each live answer against what can be so: the step that everybody has
 * passed, or a later one up to the step that has begun; and for one user never an earlier one than she was told at before.
 */
export class StormWatch {
  readonly faults: string[] = []
  answers = 0
  liveAnswers = 0
  readonly #gateway: GatewayProcess
  readonly #jids: readonly string[]
  readonly #steps: readonly ((n: number) => string)[]
  readonly #told: Uint8Array
  readonly #asking: Promise<void>
  #earliest = 0
  #latest = 0
  #stopped = false

  constructor(gateway: GatewayProcess, jids: readonly string[], steps: readonly ((n: number) => string)[]) {
    this.#gateway = gateway
    this.#jids = jids
    this.#steps = steps
    this.#told = new Uint8Array(jids.length)
    this.#asking = this.#ask()
  }

  /** The server begins to say it. */
  begun(step: number): void {
    this.#latest = step
  }

  /** No live answer may be of an earlier step from now on. */
  passed(step: number): void {
    this.#earliest = step
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#asking
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#askOnce()
      } catch (error) {
        this.#fault((error as Error).message)
      }
    }
  }

  async #askOnce(): Promise<void> {
    const earliest = this.#earliest
    const users = Array.from({ length: AT_ONCE }, () => Math.floor(Math.random() * this.#jids.length))
    const jids = users.map((n) => this.#jids[n] ?? '')
    const ready = fetch(`${this.#gateway.opsUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    const answers = await batchStatus(this.#gateway, jids)
    for (const [i, { show, text, freshness, error }] of answers.entries()) {
      const n = users[i] ?? 0
      this.answers++
      // Nobody was seen before the first replay reached her.
      if (error !== undefined && earliest === 0 && this.#latest === 0) continue
      if (error !== undefined) this.#fault(`${jids[i]}: ${error}`)
      else if (freshness === 'live') this.#judge(n, show === 'offline' ? show : `${show} ${text}`, earliest)
    }
    const { status } = await ready
    if (status !== 200 && status !== 503) this.#fault(`/readyz answered ${status}`)
  }

  #judge(n: number, told: string, earliest: number): void {
    this.liveAnswers++
    for (let step = Math.max(earliest, this.#told[n] ?? 0); step <= this.#latest; step++) {
      if (this.#steps[step]?.(n) !== told) continue
      this.#told[n] = step
      return
    }
    this.#fault(
      `${this.#jids[n]} was told live as "${told}" at step ${earliest} to ${this.#latest}, after ${this.#told[n]}`,
    )
  }

  #fault(what: string): void {
    if (this.faults.length < KEPT_FAULTS) this.faults.push(what)
  }
}
