import { Client } from 'undici'
import { type Outbound, type OutboundAnswer, OutboundError } from '../apps/outbound.js'
import type { Clock, Timer } from '../presence/clock.js'
import { Places } from '../presence/places.js'
import { boundedBody } from './bounded-body.js'
import { explainCall } from './explain-call.js'
import { GivenUp } from './given-up.js'
import { JudgedHosts, lookupOf, type Resolve } from './judged-hosts.js'

const MAX_BYTES = 64 * 1024
const MAX_HEAD_BYTES = 16 * 1024
const TIMEOUT_MS = 5000
const MAX_AT_ONCE = 50
const MAX_WAITING = 200
const NO_TIME = 'there was no time left for it'

/** `Outbound` over connections of which each is used once. What it refuses, and why: docs/decisions/0014. */
export class OutboundClient implements Outbound {
  readonly #hosts: JudgedHosts
  readonly #clock: Clock
  readonly #places = new Places(MAX_AT_ONCE, MAX_WAITING)
  readonly #underWay = new Set<(why: string) => void>()
  #closed = false

  constructor(allowPrivate: readonly string[], clock: Clock, resolve?: Resolve) {
    this.#hosts = new JudgedHosts(allowPrivate, resolve)
    this.#clock = clock
  }

  get(url: URL, headers: Readonly<Record<string, string>> = {}): Promise<OutboundAnswer> {
    return this.#until(Number.POSITIVE_INFINITY).get(url, headers)
  }

  check(url: URL): Promise<void> {
    return this.#until(Number.POSITIVE_INFINITY).check(url)
  }

  isAllowedPrivate(hostname: string): Promise<boolean> {
    return this.#until(Number.POSITIVE_INFINITY).isAllowedPrivate(hostname)
  }

  within(ms: number): Outbound {
    return this.#until(this.#clock.steady() + ms)
  }

  /** Ends what is under way. */
  close(): void {
    this.#closed = true
    for (const giveUp of this.#underWay) giveUp('it was given up')
  }

  /** `end`: by the steady clock. */
  #until(end: number): Outbound {
    return {
      get: (url, headers = {}) => this.#bounded(end, (signal) => this.#call(url, headers, signal)),
      check: async (url) => {
        await this.#bounded(end, () => this.#hosts.reachable(url))
      },
      isAllowedPrivate: async (hostname) => {
        return !this.#hosts.areAllPublic && this.#bounded(end, () => this.#hosts.isAllowedPrivate(hostname))
      },
      within: (ms) => this.#until(Math.min(end, this.#clock.steady() + ms)),
    }
  }

  async #bounded<T>(end: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (end <= this.#clock.steady()) throw new OutboundError(NO_TIME, true)
    const done = this.#places.take(() => this.#timed(end, run))
    if (done === null) throw new OutboundError('too much is being fetched just now; try again', true)
    if (end === Number.POSITIVE_INFINITY) return done
    // While it waits in line, too.
    let timer: Timer | null = null
    const late = new Promise<never>((_, reject) => {
      timer = this.#clock.after(end - this.#clock.steady(), () => reject(new OutboundError(NO_TIME, true)))
    })
    return Promise.race([done, late]).finally(() => timer?.cancel())
  }

  async #timed<T>(end: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const left = end - this.#clock.steady()
    if (this.#closed) throw new OutboundError('it was given up', true)
    if (left <= 0) throw new OutboundError(NO_TIME, true)
    const ending = new AbortController()
    const giveUp = (why: string) => ending.abort(new GivenUp(why))
    const ended = new Promise<never>((_, reject) => {
      ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true })
    })
    this.#underWay.add(giveUp)
    const timer =
      left < TIMEOUT_MS
        ? this.#clock.after(left, () => giveUp(NO_TIME))
        : this.#clock.after(TIMEOUT_MS, () => giveUp(`it took longer than ${TIMEOUT_MS / 1000} s`))
    try {
      // A look-up cannot be ended; nobody waits for it then.
      return await Promise.race([run(ending.signal), ended])
    } catch (error) {
      throw error instanceof OutboundError ? error : new OutboundError(explainCall(error), true)
    } finally {
      timer.cancel()
      this.#underWay.delete(giveUp)
    }
  }

  async #call(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<OutboundAnswer> {
    const addresses = await this.#hosts.reachable(url)
    signal.throwIfAborted()
    const client = new Client(url.origin, {
      maxHeaderSize: MAX_HEAD_BYTES,
      // There is one limit over all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      // To those alone that were looked at: whatever the name leads to by now.
      connect: { timeout: TIMEOUT_MS, lookup: lookupOf(addresses) },
    })
    try {
      const answer = await client.request({
        method: 'GET',
        reset: true,
        path: `${url.pathname}${url.search}`,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'presence-gateway', ...headers },
        signal,
      })
      const body = await boundedBody(answer, MAX_BYTES)
      return { status: answer.statusCode, headers: firstOfEach(answer.headers), body }
    } finally {
      await client.destroy()
    }
  }
}

function firstOfEach(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, said]) => [name, [said].flat()[0] ?? '']))
}
