import { Agent, buildConnector, type Dispatcher } from 'undici'
import { OutboundError } from '../apps/outbound.js'
import type { PostOutcome, WebhookPost } from '../delivery/webhook-post.js'
import type { Clock } from '../presence/clock.js'
import { explainCall } from './explain-call.js'
import { GivenUp } from './given-up.js'
import { demandForTheWeb, JudgedHosts, lookupOf, type Resolve } from './judged-hosts.js'

const MAX_HEAD_BYTES = 16 * 1024
// An answer that goes on and on costs its connection, and is an answer all the same.
const MAX_BYTES = 64 * 1024
const CONNECT_MS = 10_000
// To one origin, kept while it is used; no fewer than calls that go on at once (Lanes), so that none waits behind others.
const CONNECTIONS = 800
const IDLE_MS = 4000
const LONGEST_IDLE_MS = 30_000

/** Connections are kept, and judged when they are made. An origin without any is forgotten. */
export class OutboundPosts implements WebhookPost {
  readonly #agent: Agent
  readonly #hosts: JudgedHosts
  readonly #clock: Clock
  readonly #underWay = new Set<AbortController>()

  constructor(allowPrivate: readonly string[], clock: Clock, resolve?: Resolve) {
    this.#hosts = new JudgedHosts(allowPrivate, resolve)
    this.#clock = clock
    this.#agent = new Agent({
      connections: CONNECTIONS,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: LONGEST_IDLE_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
      // There is one limit over all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => this.#connect(options, callback),
    })
  }

  async post(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: string,
    timeoutMs: number,
  ): Promise<PostOutcome> {
    const ending = new AbortController()
    this.#underWay.add(ending)
    const timer = this.#clock.after(timeoutMs, () =>
      ending.abort(new GivenUp(`it took longer than ${timeoutMs / 1000} s`)),
    )
    try {
      demandForTheWeb(url)
      const answer = await this.#agent.request({
        method: 'POST',
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        headers: { 'content-type': 'application/json', 'user-agent': 'presence-gateway', ...headers },
        body,
        signal: ending.signal,
      })
      await drain(answer, ending.signal)
      return { status: answer.statusCode, retryAfter: [answer.headers['retry-after']].flat()[0] ?? null }
    } catch (error) {
      return { error: error instanceof OutboundError ? error.message : explainCall(error) }
    } finally {
      timer.cancel()
      this.#underWay.delete(ending)
    }
  }

  /** Ends what is under way, and every connection. */
  async close(): Promise<void> {
    for (const ending of this.#underWay) ending.abort(new GivenUp('it was given up'))
    await this.#agent.destroy()
  }

  #connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    this.#hosts.reachable(new URL(`${options.protocol}//${options.host}`)).then(
      (addresses) => buildConnector({ timeout: CONNECT_MS, lookup: lookupOf(addresses) })(options, callback),
      (error: Error) => callback(error, null),
    )
  }
}

async function drain({ body }: Dispatcher.ResponseData, signal: AbortSignal): Promise<void> {
  // What it says ends with its connection, or too late: it has answered.
  await body.dump({ limit: MAX_BYTES, signal }).catch(() => {
    signal.throwIfAborted()
  })
}
