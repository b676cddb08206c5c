import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Bytes } from '../presence/bytes.js'
import type { Clock } from '../presence/clock.js'
import { negotiate } from './accept.js'
import { EntityTags } from './entity-tags.js'
import { PATIENCE_MS } from './patience.js'
import type { PublicView } from './public-view.js'
import { CONTENT_TYPES, type PublishedPresence, render, renderFault } from './status-rendering.js'
import { parseStatusTarget, type StatusFormat, type StatusTarget } from './status-url.js'
import { WholeAnswer } from './whole-answer.js'

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

/** One for each format. */
function answers(code: number, ...headers: string[]): Readonly<Record<StatusFormat, WholeAnswer>> {
  const answer = (type: string) => new WholeAnswer(code, [...STATUS_HEADERS, ...headers, 'Content-Type', type])
  return { xml: answer(CONTENT_TYPES.xml), json: answer(CONTENT_TYPES.json), txt: answer(CONTENT_TYPES.txt) }
}

function notModified(freshness: string): WholeAnswer {
  return new WholeAnswer(304, [...STATUS_HEADERS, 'Presence-Freshness', freshness])
}

function options(methods: string): WholeAnswer {
  const asked = [
    'Access-Control-Allow-Headers',
    'Accept, Content-Type, If-None-Match',
    'Access-Control-Max-Age',
    '86400',
  ]
  return new WholeAnswer(204, [...STATUS_HEADERS, 'Access-Control-Allow-Methods', methods, 'Allow', methods, ...asked])
}

const OK = { live: answers(200, 'Presence-Freshness', 'live'), stale: answers(200, 'Presence-Freshness', 'stale') }
const NOT_MODIFIED = { live: notModified('live'), stale: notModified('stale') }
const UNKNOWN = answers(503, 'Retry-After', RETRY_AFTER_SECONDS, 'Presence-Freshness', 'unknown')
const NOT_FOUND = answers(404)
const MALFORMED = answers(400)
const OPTIONS = options('GET, HEAD, OPTIONS')
/** Where many can be asked for at once. */
const MANY_OPTIONS = options('GET, HEAD, POST, OPTIONS')

export interface StatusCounter {
  answered(code: number): void
}

/** `GET /xmpp/status/<jid>`: reads the board and nothing else, and answers before koa is asked. */
export class StatusEndpoint {
  readonly #view: PublicView
  readonly #clock: Clock
  readonly #tags: EntityTags
  readonly #counter: StatusCounter

  /** `etagKey`: secret, the same across restarts. */
  constructor(view: PublicView, clock: Clock, etagKey: Buffer, counter: StatusCounter) {
    this.#view = view
    this.#clock = clock
    this.#tags = new EntityTags(etagKey)
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
    if (method === 'OPTIONS') this.#answer(response, this.#clock.now(), rest === '' ? MANY_OPTIONS : OPTIONS, [], null)
    else if (method === 'GET' || method === 'HEAD') this.#get(rest.slice(1), request, response)
    else return false
    return true
  }

  #get(encoded: string, request: IncomingMessage, response: ServerResponse): void {
    const target = parseStatusTarget(encoded, this.#view.domains)
    const format = target.suffix ?? negotiate(request.headers.accept)
    const now = this.#clock.now()
    if (target.kind === 'malformed') {
      return this.#answer(response, now, MALFORMED[format], [], renderFault('jid-malformed', format))
    }
    const presence = this.#presence(target)
    if (!presence) return this.#answer(response, now, NOT_FOUND[format], [], renderFault('item-not-found', format))
    const { freshness } = presence
    if (freshness === 'unknown') return this.#answer(response, now, UNKNOWN[format], [], render(presence, format, now))
    const etag = this.#tags.of(target.kind === 'link' ? target.token : presence.jid, presence, format)
    if (matches(request.headers['if-none-match'], etag)) {
      return this.#answer(response, now, NOT_MODIFIED[freshness], ['ETag', etag], null)
    }
    this.#answer(response, now, OK[freshness][format], ['ETag', etag], render(presence, format, now))
  }

  #presence(target: StatusTarget): PublishedPresence | null {
    if (target.kind === 'user') return this.#view.of(target.jid, target.domain)
    return target.kind === 'link' ? this.#view.ofLink(target.token) : null
  }

  #answer(
    response: ServerResponse,
    now: number,
    answer: WholeAnswer,
    own: readonly string[],
    body: Bytes | null,
  ): void {
    this.#counter.answered(answer.code)
    answer.send(response, now, own, body)
  }
}

/** RFC 9110 §13.1.2: a list of tags, compared weakly, or `*`. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  const opaque = etag.slice(2)
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === opaque)
}
