import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { timedGet } from './timed-get.js'

const PAUSE_MS = 5
const PATIENCE_MS = 30_000

/** Asks for the same page again and again, over a kept and a fresh connection in turn, until it is stopped. */
export class OrdinaryReader {
  /** ms that each answer took which was 200. */
  readonly waits: number[] = []
  /** What else came. */
  readonly failures: string[] = []
  readonly #url: string
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #ended: Promise<void>
  #stopped = false

  constructor(url: string) {
    this.#url = url
    this.#ended = this.#read()
  }

  get answers(): number {
    return this.waits.length
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
    this.#kept.destroy()
  }

  async #read(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      try {
        const { status, ms } = await this.#ask(turn % 2 === 0)
        if (status === 200) this.waits.push(ms)
        else this.failures.push(String(status))
      } catch (error) {
        this.failures.push(String(error))
      }
      await sleep(PAUSE_MS)
    }
  }

  async #ask(onKept: boolean): ReturnType<typeof timedGet> {
    try {
      return await timedGet(this.#url, { agent: onKept && this.#kept, signal: AbortSignal.timeout(PATIENCE_MS) })
    } catch (error) {
      // The server may close a connection that was kept just as it is used again (RFC 9112 §9.3.1): ask again.
      if (onKept && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return this.#ask(false)
      throw error
    }
  }
}
