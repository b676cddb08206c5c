import { AssertionError } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { batchStatus } from '../support/batch-status.js'
import type { GatewayProcess } from '../support/gateway-process.js'
import type { JsonStatus } from '../support/json-status.js'
import type { SeededRandom } from '../support/seeded-random.js'
import { CONTRACT_MS, type Oracle } from './oracle.js'
import type { StallMeter } from './stall-meter.js'

const PAUSE_MS = 20
const KEPT_WRONGS = 20

export interface SoakReport {
  live: number
  stale: number
  unknown: number
  /** Requests that the gateway was not there to answer. */
  unanswered: number
  /** Live answers that were wrong for longer than the contract lets them. */
  wrong: number
  /** Of all live answers that were no longer right. */
  worstLateMs: number
  /** The first few that were wrong, or odd otherwise. */
  readonly faults: string[]
}

/** Asks the status API without end, in batches and one by one, and holds each live answer against the oracle. */
export class SoakReader {
  readonly report: SoakReport = { live: 0, stale: 0, unknown: 0, unanswered: 0, wrong: 0, worstLateMs: 0, faults: [] }
  readonly #gateway: GatewayProcess
  readonly #oracle: Oracle
  readonly #stalls: StallMeter
  readonly #random: SeededRandom
  readonly #jids: readonly [string, ...string[]]
  readonly #events: readonly string[]
  #told = ''

  /** `events`: what was done to gateway and server, newest last; told with each fault. */
  constructor(
    gateway: GatewayProcess,
    oracle: Oracle,
    stalls: StallMeter,
    random: SeededRandom,
    jids: readonly [string, ...string[]],
    events: readonly string[],
  ) {
    this.#gateway = gateway
    this.#oracle = oracle
    this.#stalls = stalls
    this.#random = random
    this.#jids = jids
    this.#events = events
  }

  async read(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#askAll()
        await this.#askOne(this.#random.pick(this.#jids))
      } catch (error) {
        if (error instanceof AssertionError || error instanceof SyntaxError) this.#fault(error.message)
        else this.report.unanswered++
      }
      await sleep(PAUSE_MS)
    }
  }

  async #askAll(): Promise<void> {
    const asked = performance.now()
    const presences = await batchStatus(this.#gateway, this.#jids)
    for (const [i, jid] of this.#jids.entries()) this.#judge(jid, presences[i], asked)
  }

  async #askOne(jid: string): Promise<void> {
    const asked = performance.now()
    const { headers, body } = await this.#gateway.status(jid, { suffix: '.json' })
    const answer: JsonStatus = JSON.parse(body)
    this.#judge(jid, answer, asked)
    const header = headers.get('presence-freshness')
    if (header !== answer.freshness) this.#fault(`the header says ${header}, the body ${JSON.stringify(answer)}`)
  }

  #judge(jid: string, answer: JsonStatus | undefined, asked: number): void {
    const { report } = this
    // Everybody was seen before the soak began, and nobody is forgotten.
    if (answer?.jid !== jid) return this.#fault(`${jid} was answered ${JSON.stringify(answer)}`)
    if (answer.freshness === 'stale' || answer.freshness === 'unknown') {
      report[answer.freshness]++
      return
    }
    report.live++
    // An answer is made between asking and hearing it; what was right when it was asked for is right.
    const late = this.#oracle.lateMs(jid, answer, asked, (time) => this.#stalls.since(time))
    report.worstLateMs = Math.max(report.worstLateMs, late)
    if (late <= CONTRACT_MS) return
    report.wrong++
    // The same again and again is one fault.
    const told = `${jid} ${answer.show} ${answer.text}`
    if (this.#told === told) return
    this.#told = told
    this.#fault(
      `wrong for ${late.toFixed(0)} ms: ${JSON.stringify(answer)}, but ${this.#oracle.history(jid, asked)}, ` +
        `after ${this.#events.slice(-4).join(', ')}`,
    )
  }

  #fault(text: string): void {
    if (this.report.faults.length < KEPT_WRONGS) this.report.faults.push(text)
  }
}
