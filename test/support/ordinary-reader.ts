import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 5
const PATIENCE_MS = 30_000

/** Asks for the same page again and again, over a kept and a fresh connection in turn, until it is stopped. */
export class OrdinaryReader {
  /** How many answers were 200. */
  answers = 0
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

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
    this.#kept.destroy()
  }

  async #read(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      try {
        const status = await this.#ask(turn % 2 === 0)
        if (status === 200) this.answers++
        else this.failures.push(String(status))
      } catch (error) {
        this.failures.push(String(error))
      }
      await sleep(PAUSE_MS)
    }
  }

  #ask(onKept: boolean): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(PATIENCE_MS)
      get(this.#url, { agent: onKept ? this.#kept : false, signal }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode))
      }).once('error', (error: NodeJS.ErrnoException) => {
        // The server may close a connection that was kept just as it is used again (RFC 9112 §9.3.1): ask again.
        if (onKept && error.code === 'ECONNRESET') resolve(this.#ask(false))
        else reject(error)
      })
    })
  }
}
