import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../presence/clock.js'
import { negotiate } from './accept.js'
import { PATIENCE_MS } from './patience.js'
import type { PublicView } from './public-view.js'
import { CONTENT_TYPES, type PublishedPresence, render, renderFault, type StatusFault } from './status-rendering.js'
import { parseStatusTarget, type StatusFormat, type StatusTarget } from './status-url.js'

export const STATUS_PATH = '/xmpp/status'

/** On every answer that a page of another origin may read. */
export const STATUS_HEADERS: readonly string[] = [
  'Cache-Control',
  'no-cache',
  'Vary',
  'Accept',
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Expose-Headers',
  'ETag, Presence-Freshness, Retry-After',
  'X-Content-Type-Options',
  'nosniff',
  // Clients that know it do not ask on a connection that is just being closed.
  'Keep-Alive',
  `timeout=${PATIENCE_MS / 1000}`,
]

const ORIGIN = /^https?:\/\/[^/?#]*/i
const RETRY_AFTER_SECONDS = '30'

export interface StatusCounter {
  answered(code: number): void
}

/** `GET /xmpp/status/<jid>`: reads the board and nothing else, and answers before koa is asked. */
export class StatusEndpoint {
  readonly #view: PublicView
  readonly #clock: Clock
  readonly #etagKey: string
  readonly #counter: StatusCounter

  /** `etagKey`: secret, the same across restarts. */
  constructor(view: PublicView, clock: Clock, etagKey: Buffer, counter: StatusCounter) {
    this.#view = view
    this.#clock = clock
    this.#etagKey = etagKey.toString('base64')
    this.#counter = counter
  }

  /** false: not for this endpoint, nothing was done. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const asked = request.url ?? ''
    // RFC 9112 §3.2.2: a server takes the absolute form, too.
    const url = asked.startsWith('/') ? asked : asked.replace(ORIGIN, '')
    if (!url.startsWith(STATUS_PATH)) return false
    const query = url.indexOf('?')
    const path = query < 0 ? url : url.slice(0, query)
    const rest = path.slice(STATUS_PATH.length)
    if (rest !== '' && !rest.startsWith('/')) return false
    const { method } = request
    if (method === 'OPTIONS') this.#preflight(response, rest === '' ? 'GET, HEAD, POST, OPTIONS' : 'GET, HEAD, OPTIONS')
    else if (method === 'GET' || method === 'HEAD') this.#get(rest.slice(1), request, response)
    else return false
    return true
  }

  #get(encoded: string, request: IncomingMessage, response: ServerResponse): void {
    const target = parseStatusTarget(encoded, this.#view.domains)
    const format = target.suffix ?? negotiate(request.headers.accept)
    const head = request.method === 'HEAD'
    if (target.kind === 'malformed') return this.#fault(response, 400, 'jid-malformed', format, head)
    const presence = this.#presence(target)
    if (!presence) return this.#fault(response, 404, 'item-not-found', format, head)
    if (presence.show === 'unknown') return this.#unknown(response, presence, format, head)
    const etag = this.#etag(target.kind === 'link' ? target.token : presence.jid, presence, format)
    const own = ['ETag', etag, 'Presence-Freshness', presence.freshness]
    if (matches(request.headers['if-none-match'], etag)) {
      this.#counter.answered(304)
      response.writeHead(304, STATUS_HEADERS.concat(own)).end()
      return
    }
    this.#send(response, 200, own, format, render(presence, format, this.#clock.now()), head)
  }

  #presence(target: StatusTarget): PublishedPresence | null {
    if (target.kind === 'user') return this.#view.of(target.jid, target.domain)
    return target.kind === 'link' ? this.#view.ofLink(target.token) : null
  }

  #unknown(response: ServerResponse, presence: PublishedPresence, format: StatusFormat, head: boolean): void {
    const own = ['Retry-After', RETRY_AFTER_SECONDS, 'Presence-Freshness', 'unknown']
    this.#send(response, 503, own, format, render(presence, format, this.#clock.now()), head)
  }

  #fault(response: ServerResponse, code: number, fault: StatusFault, format: StatusFormat, head: boolean): void {
    this.#send(response, code, [], format, renderFault(fault, format), head)
  }

  #send(
    response: ServerResponse,
    code: number,
    own: string[],
    format: StatusFormat,
    body: string,
    head: boolean,
  ): void {
    this.#counter.answered(code)
    const length = String(Buffer.byteLength(body))
    own.push('Content-Type', CONTENT_TYPES[format], 'Content-Length', length)
    response.writeHead(code, STATUS_HEADERS.concat(own))
    response.end(head ? undefined : body)
  }

  #preflight(response: ServerResponse, methods: string): void {
    this.#counter.answered(204)
    response
      .writeHead(204, [
        ...STATUS_HEADERS,
        'Access-Control-Allow-Methods',
        methods,
        'Access-Control-Allow-Headers',
        'Accept, Content-Type, If-None-Match',
        'Access-Control-Max-Age',
        '86400',
        'Allow',
        methods,
      ])
      .end()
  }

  /** Weak (RFC 9110 §8.8.1): two answers with the same one may differ in their seconds. Keyed, so that it tells nothing. */
  #etag(name: string | null, { show, text, since, freshness }: PublishedPresence, format: StatusFormat): string {
    const state = `${this.#etagKey}\n${name}\n${show}\n${since}\n${freshness}\n${format}\n${text}`
    return `W/"${hash('sha256', state, 'base64url').slice(0, 22)}"`
  }
}

/** RFC 9110 §13.1.2: a list of tags, compared weakly, or `*`. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  const opaque = etag.slice(2)
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === opaque)
}
