import { UsageError } from './command.js'
import { networkAdvice } from './network-advice.js'
import { type PresenceDocument, PresenceDocumentFault, parsePresenceDocument } from './presence-document.js'

/** No status came; the message says why, with the URL. */
export class StatusApiError extends Error {
  override readonly name = 'StatusApiError'
}

export interface StatusAnswer {
  readonly document: PresenceDocument
  /** Our own header; null where the API has none. */
  readonly freshness: 'live' | 'stale' | 'unknown' | null
}

const TIMEOUT_MS = 10_000
const MAX_BODY_BYTES = 64 * 1024
const MAX_REDIRECTS = 3

/** Any API that answers `GET <base>/xmpp/status/<jid>` with a presence in XML. */
export class StatusApi {
  readonly #base: URL
  readonly #authorization: string | null

  /** `base`: with or without `/xmpp/status`; userinfo in it is sent as Basic authentication. Throws UsageError. */
  constructor(base: string) {
    const url = URL.canParse(base) ? new URL(base) : null
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      throw new UsageError(`${JSON.stringify(base)} is not an http:// or https:// URL`)
    }
    const userinfo = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    this.#authorization = userinfo === ':' ? null : `Basic ${Buffer.from(userinfo).toString('base64')}`
    url.username = url.password = url.search = url.hash = ''
    url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/xmpp\/status$/, '')}/xmpp/status/`
    this.#base = url
  }

  /** Throws StatusApiError. */
  async ask(jid: string, stop: AbortSignal): Promise<StatusAnswer> {
    // The path's own characters stay readable; XEP-0106's backslash would become a slash.
    const url = new URL(this.#base.href + encodeURIComponent(jid).replaceAll('%40', '@'))
    // Not AbortSignal.any with AbortSignal.timeout: node 20 collects such a timer before it fires.
    const end = new AbortController()
    const late = new DOMException(`no whole answer within ${TIMEOUT_MS / 1000} s`, 'TimeoutError')
    const timer = setTimeout(() => end.abort(late), TIMEOUT_MS)
    const stopped = () => end.abort(new DOMException('stopped', 'AbortError'))
    stop.addEventListener('abort', stopped, { once: true })
    try {
      if (stop.aborted) stopped()
      const response = await this.#get(url, end.signal, MAX_REDIRECTS)
      const body = await this.#read(response, url)
      return { document: this.#parse(body, response.status, url), freshness: freshnessOf(response.headers) }
    } finally {
      clearTimeout(timer)
      stop.removeEventListener('abort', stopped)
    }
  }

  async #get(url: URL, signal: AbortSignal, redirects: number): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/xml', 'user-agent': 'presence-gateway' }
    if (this.#authorization) headers.authorization = this.#authorization
    const response = await fetch(url, { headers, signal, redirect: 'manual' }).catch((error: Error) =>
      this.#unreachable(error, url),
    )
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
    if (location === null) return response
    await response.body?.cancel()
    const next = URL.canParse(location, url.href) ? new URL(location, url) : null
    if (next === null || redirects === 0 || !isSameHost(url, next)) {
      throw new StatusApiError(
        `${url} sends us elsewhere, to ${location.slice(0, 200)}: ask there if you trust it (--url)`,
      )
    }
    return this.#get(next, signal, redirects - 1)
  }

  async #read(response: Response, url: URL): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    try {
      for await (const chunk of response.body ?? []) {
        bytes += chunk.length
        // Leaving the loop cancels the rest.
        if (bytes > MAX_BODY_BYTES) break
        chunks.push(chunk)
      }
    } catch (error) {
      this.#unreachable(error as Error, url)
    }
    if (bytes > MAX_BODY_BYTES) throw new StatusApiError(`${url} is no status API: its answer is longer than 64 KiB`)
    return Buffer.concat(chunks)
  }

  #parse(body: Uint8Array, status: number, url: URL): PresenceDocument {
    try {
      const document = parsePresenceDocument(body)
      if (document.kind === 'error' || status === 200) return document
    } catch (error) {
      if (!(error instanceof PresenceDocumentFault)) throw error
      if (status === 200) throw new StatusApiError(`${url} is no status API: its answer ${error.message}`)
    }
    throw new StatusApiError(`${url} answers ${status}, and not as a status API does`)
  }

  #unreachable(error: Error, url: URL): never {
    const cause = error.cause as { code?: string; message?: string } | undefined
    const why = networkAdvice(cause?.code, cause?.message || error.message)
    throw new StatusApiError(`${url} cannot be asked: ${why}`)
  }
}

/** The same host, and no step from https to http: what we were given goes nowhere else. */
function isSameHost(from: URL, to: URL): boolean {
  if (from.hostname !== to.hostname) return false
  return to.protocol === 'https:' || (from.protocol === 'http:' && to.protocol === 'http:')
}

function freshnessOf(headers: Headers): StatusAnswer['freshness'] {
  const value = headers.get('presence-freshness')
  return value === 'live' || value === 'stale' || value === 'unknown' ? value : null
}
