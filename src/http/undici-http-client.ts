import { Agent, request } from 'undici'
import type { Clock } from '../presence/clock.js'
import type { HttpAnswer, HttpCall, HttpClient } from '../roster/http-client.js'
import { boundedBody } from './bounded-body.js'
import { explainCall, wasClosed } from './explain-call.js'
import { GivenUp } from './given-up.js'

// The longest that a server may keep idle connections without saying so, as most do.
const KEEP_IDLE_MS = 4000
const CONNECT_MS = 10_000
const MAX_HEAD_BYTES = 16 * 1024

/** `HttpClient` over connections that are kept for the next call. */
export class UndiciHttpClient implements HttpClient {
  readonly #clock: Clock
  readonly #agent = new Agent({
    keepAliveTimeout: KEEP_IDLE_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
    connect: { timeout: CONNECT_MS },
    // The call has its own limit over all of it.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async call(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const ending = new AbortController()
    const giveUp = (why: string) => ending.abort(new GivenUp(why))
    const onAbort = () => giveUp('it was given up')
    if (signal.aborted || this.#closed) return { kind: 'failed', why: 'it was given up' }
    signal.addEventListener('abort', onAbort, { once: true })
    const timer = this.#clock.after(call.timeoutMs, () => giveUp(`it took longer than ${call.timeoutMs / 1000} s`))
    try {
      return await this.#attempt(call, ending.signal).catch((error: unknown) => {
        // A server may close an idle connection just when we use it again.
        if (call.method !== 'GET' || !wasClosed(error)) throw error
        return this.#attempt(call, ending.signal)
      })
    } catch (error) {
      return { kind: 'failed', why: explainCall(ending.signal.aborted ? ending.signal.reason : error) }
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#agent.destroy(new GivenUp('it was given up'))
  }

  async #attempt(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(call.url)
    const userinfo = { username: decoded(url.username), password: decoded(url.password) }
    url.username = url.password = ''
    const answer = await request(url, {
      dispatcher: this.#agent,
      method: call.method,
      headers: { ...basic(userinfo), ...call.headers },
      body: call.body ?? null,
      signal,
    })
    // Without the byte order mark that some write, and JSON has none of.
    const body = new TextDecoder().decode(await boundedBody(answer, call.maxBytes))
    return { kind: 'answer', status: answer.statusCode, body }
  }
}

function basic({ username, password }: { username: string; password: string }): Record<string, string> {
  if (username === '' && password === '') return {}
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A percent sign that escapes nothing stands for itself.
    return text
  }
}
