import { Agent, type Dispatcher, request } from 'undici'
import type { Clock } from '../presence/clock.js'
import type { HttpAnswer, HttpCall, HttpClient } from '../roster/http-client.js'

// The longest that a server may keep idle connections without saying so, as most do.
const KEEP_IDLE_MS = 4000
const CONNECT_MS = 10_000
const MAX_HEAD_BYTES = 16 * 1024

/** Ended by us; the message says why, for an admin. */
class GivenUp extends Error {}

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
      return { kind: 'failed', why: explain(ending.signal.aborted ? ending.signal.reason : error) }
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
    const { statusCode, headers, body } = await request(url, {
      dispatcher: this.#agent,
      method: call.method,
      headers: { ...basic(userinfo), ...call.headers },
      body: call.body ?? null,
      signal,
    })
    return { kind: 'answer', status: statusCode, body: await read(body, headers, call.maxBytes) }
  }
}

/** Rejects, and with it ends the connection, where the body is not as it was asked for. */
async function read(
  body: Dispatcher.ResponseData['body'],
  headers: Dispatcher.ResponseData['headers'],
  maxBytes: number,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw new GivenUp('it sends compressed what it was not asked to')
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new GivenUp(`its answer is longer than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    // It ends with an error of its own then, which is the same one.
    body.on('error', () => {}).destroy()
    throw error
  }
  // Without the byte order mark that some write, and JSON has none of.
  return new TextDecoder().decode(Buffer.concat(chunks))
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

function wasClosed(error: unknown): boolean {
  return CLOSED.has((error as { code?: string }).code ?? '')
}

const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refuses the connection',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'it cannot be reached',
  ENETUNREACH: 'it cannot be reached',
  ETIMEDOUT: 'it cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'it cannot be reached',
  UND_ERR_HEADERS_OVERFLOW: 'it answers with endless headers',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer is not as long as it said',
}

/** For an admin; nothing of the URL is in it. */
function explain(error: unknown): string {
  const { code, message } = error as Error & { code?: string }
  if (error instanceof GivenUp) return message
  if ((error as Error).name === 'HTTPParserError') return 'it does not speak HTTP'
  if (code === undefined) return `it cannot be called (${(error as Error).name})`
  if (CLOSED.has(code)) return 'it closed the connection before its answer was whole'
  if (code.includes('CERT') || code.includes('SIGNATURE')) return `its certificate is not accepted (${code})`
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return `it does not speak TLS (${code})`
  return REASONS[code] ?? `it cannot be called (${code})`
}
