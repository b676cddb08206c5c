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
  readonly #underWay = new Set<Call>()

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
    isWanted = () => true,
  ): Promise<PostOutcome> {
    const call = new Call(isWanted)
    this.#underWay.add(call)
    const timer = this.#clock.after(timeoutMs, () => call.giveUp(`it took longer than ${timeoutMs / 1000} s`))
    try {
      demandForTheWeb(url)
      this.#agent.dispatch(
        {
          method: 'POST',
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          headers: { 'content-type': 'application/json', 'user-agent': 'presence-gateway', ...headers },
          body,
        },
        call,
      )
      return await call.outcome
    } catch (error) {
      return { error: error instanceof OutboundError ? error.message : explainCall(error) }
    } finally {
      timer.cancel()
      this.#underWay.delete(call)
    }
  }

  /** Ends what is under way, and every connection. */
  async close(): Promise<void> {
    for (const call of this.#underWay) call.giveUp('it was given up')
    await this.#agent.destroy()
  }

  #connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    this.#hosts.reachable(new URL(`${options.protocol}//${options.host}`)).then(
      (addresses) => buildConnector({ timeout: CONNECT_MS, lookup: lookupOf(addresses) })(options, callback),
      (error: Error) => callback(error, null),
    )
  }
}

/** One of them, as undici tells of it. */
class Call implements Dispatcher.DispatchHandler {
  readonly outcome: Promise<PostOutcome>
  readonly #isWanted: () => boolean
  #succeed: (answer: PostOutcome) => void = () => {}
  #fail: (error: Error) => void = () => {}
  #controller: Dispatcher.DispatchController | null = null
  #givenUp: GivenUp | null = null
  #answer: PostOutcome | null = null
  #bytes = 0

  constructor(isWanted: () => boolean) {
    this.#isWanted = isWanted
    this.outcome = new Promise((succeed, fail) => {
      this.#succeed = succeed
      this.#fail = fail
    })
  }

  giveUp(why: string): void {
    this.#givenUp = new GivenUp(why)
    this.#fail(this.#givenUp)
    this.#controller?.abort(this.#givenUp)
  }

  /** It has a connection, and nothing was written yet. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#givenUp) controller.abort(this.#givenUp)
    else if (!this.#isWanted()) this.giveUp('it was given up')
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    if (status >= 200) this.#answer = { status, retryAfter: [headers['retry-after']].flat()[0] ?? null }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_BYTES) controller.abort(new GivenUp('it says too much'))
  }

  onResponseEnd(): void {
    if (this.#answer) this.#succeed(this.#answer)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    // What it says ends with its connection, or is too long: it has answered.
    if (this.#answer) this.#succeed(this.#answer)
    else this.#fail(error)
  }
}
