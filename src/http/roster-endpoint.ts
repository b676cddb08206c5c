import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Bytes, utf8 } from '../presence/bytes.js'
import type { Clock } from '../presence/clock.js'
import { normaliseDomain, parseBareJid } from '../presence/jid.js'
import type { ServedRosters } from '../roster/served-rosters.js'
import { faultBody } from './fault.js'
import { PATIENCE_MS } from './patience.js'
import type { RosterTokens } from './roster-tokens.js'
import { WholeAnswer } from './whole-answer.js'

const HEADERS: readonly string[] = [
  'Content-Type',
  'application/json; charset=utf-8',
  'Cache-Control',
  'no-store',
  'X-Content-Type-Options',
  'nosniff',
  'Keep-Alive',
  `timeout=${PATIENCE_MS / 1000}`,
]
const ROSTER = '/roster/'
const CONTACTS = '/contacts/'
/** Who has none is told both ways (RFC 9110 §11.6.1). */
export const CHALLENGE = 'Basic realm="rosters", charset="UTF-8", Bearer realm="rosters"'
export const NOT_SERVED = 'the domain is not among the configured ones'
export const NO_TOKEN = 'a roster token is needed (roster.tokens), as Bearer or as the password of Basic'
const OK = new WholeAnswer(200, HEADERS)
const UNAUTHORIZED = new WholeAnswer(401, [...HEADERS, 'WWW-Authenticate', CHALLENGE])
const NOT_FOUND = new WholeAnswer(404, HEADERS)

/**
 * `GET /roster/<domain>/<username>` and, for the first domain, `/contacts/<username>`: what mod_http_roster_admin asks for
 * while a user logs in. Answered before koa is asked.
 */
export class RosterEndpoint {
  readonly #rosters: ServedRosters
  readonly #tokens: RosterTokens
  readonly #firstDomain: string
  readonly #clock: Clock

  constructor(rosters: ServedRosters, tokens: RosterTokens, firstDomain: string, clock: Clock) {
    this.#rosters = rosters
    this.#tokens = tokens
    this.#firstDomain = firstDomain
    this.#clock = clock
  }

  /** false: not for this endpoint, nothing was done. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url = '' } = request
    if (method !== 'GET' && method !== 'HEAD') return false
    const asked = askedIn(url)
    if (!asked) return false
    const { domain = this.#firstDomain, username } = asked
    if (this.#tokens.admits(request.headers.authorization)) this.#serve(domain, username, response)
    else this.#send(response, UNAUTHORIZED, fault(112, NO_TOKEN))
    return true
  }

  #serve(encodedDomain: string, encodedUsername: string, response: ServerResponse): void {
    const domain = decoded(encodedDomain)
    const username = decoded(encodedUsername)
    const served = normaliseDomain(domain)
    if (served === null || !this.#rosters.isServed(served)) {
      return this.#send(response, NOT_FOUND, fault(130, NOT_SERVED))
    }
    const user = parseBareJid(username, served)
    // The server knows its users better than we do.
    if (user.fault !== undefined) return this.#send(response, OK, this.#rosters.componentAlone)
    const roster = this.#rosters.of(user.jid, response.req.method === 'GET')
    if (!(roster instanceof Promise)) this.#send(response, OK, roster)
    else void roster.then((served) => this.#send(response, OK, served))
  }

  #send(response: ServerResponse, answer: WholeAnswer, body: Bytes | Buffer): void {
    answer.send(response, this.#clock.now(), [], body)
  }
}

/** Still encoded; null: something else. There is no query: the module escapes nothing, and `?` may stand in a username. */
function askedIn(url: string): { domain?: string; username: string } | null {
  if (url.startsWith(CONTACTS)) return only(url.slice(CONTACTS.length))
  if (!url.startsWith(ROSTER)) return null
  const end = url.indexOf('/', ROSTER.length)
  if (end <= ROSTER.length) return null
  const named = only(url.slice(end + 1))
  return named && { domain: url.slice(ROSTER.length, end), username: named.username }
}

function only(username: string): { username: string } | null {
  return username === '' || username.includes('/') ? null : { username }
}

/** What is no percent-encoding stands for itself, for whoever escapes nothing. */
function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function fault(errno: number, error: string): Bytes {
  return utf8(JSON.stringify(faultBody(errno, error)))
}
