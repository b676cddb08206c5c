import type { IncomingMessage, ServerResponse } from 'node:http'
import { utf8 } from '../presence/bytes.js'
import type { Clock } from '../presence/clock.js'
import { negotiate } from './accept.js'
import { EntityTags } from './entity-tags.js'
import { PATIENCE_MS } from './patience.js'
import type { PublicView } from './public-view.js'
import { CONTENT_TYPES, type PublishedPresence, render, renderFault, type StatusFault } from './status-rendering.js'
import { parseStatusTarget, type StatusFormat, type StatusTarget } from './status-url.js'
import { WholeAnswers } from './whole-answers.js'

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
  readonly #tags: EntityTags
  readonly #counter: StatusCounter
  readonly #answers: WholeAnswers

  /** `etagKey`: secret, the same across restarts. */
  constructor(view: PublicView, clock: Clock, etagKey: Buffer, counter: StatusCounter) {
    this.#view = view
    this.#clock = clock
    this.#tags = new EntityTags(etagKey)
    this.#counter = counter
    this.#answers = new WholeAnswers(STATUS_HEADERS)
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
    if (target.kind === 'malformed') return this.#fault(response, 400, 'jid-malformed', format)
    const presence = this.#presence(target)
    if (!presence) return this.#fault(response, 404, 'item-not-found', format)
    if (presence.show === 'unknown') return this.#unknown(response, presence, format)
    const etag = this.#tags.of(target.kind === 'link' ? target.token : presence.jid, presence, format)
    const { freshness } = presence
    if (matches(request.headers['if-none-match'], etag)) {
      return this.#answer(response, 304, ['ETag', etag, 'Presence-Freshness', freshness], null)
    }
    const own = ['ETag', etag, 'Presence-Freshness', freshness, 'Content-Type', CONTENT_TYPES[format]]
    const now = this.#clock.now()
    this.#answer(response, 200, own, render(presence, format, now), now)
  }

  #presence(target: StatusTarget): PublishedPresence | null {
    if (target.kind === 'user') return this.#view.of(target.jid, target.domain)
    return target.kind === 'link' ? this.#view.ofLink(target.token) : null
  }

  #unknown(response: ServerResponse, presence: PublishedPresence, format: StatusFormat): void {
    const wait = ['Retry-After', RETRY_AFTER_SECONDS, 'Presence-Freshness', 'unknown']
    const own = [...wait, 'Content-Type', CONTENT_TYPES[format]]
    this.#answer(response, 503, own, render(presence, format, this.#clock.now()))
  }

  #fault(response: ServerResponse, code: number, fault: StatusFault, format: StatusFormat): void {
    this.#answer(response, code, ['Content-Type', CONTENT_TYPES[format]], renderFault(fault, format))
  }

  #answer(
    response: ServerResponse,
    code: number,
    own: readonly string[],
    body: string | null,
    now = this.#clock.now(),
  ): void {
    this.#counter.answered(code)
    this.#answers.send(response, now, code, own, body === null ? null : utf8(body))
  }

  #preflight(response: ServerResponse, methods: string): void {
    const own = [
      'Access-Control-Allow-Methods',
      methods,
      'Access-Control-Allow-Headers',
      'Accept, Content-Type, If-None-Match',
      'Access-Control-Max-Age',
      '86400',
      'Allow',
      methods,
    ]
    this.#answer(response, 204, own, null)
  }
}

/** RFC 9110 §13.1.2: a list of tags, compared weakly, or `*`. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  const opaque = etag.slice(2)
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === opaque)
}
