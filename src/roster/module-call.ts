import type { BareJid } from '../presence/jid.js'
import type { HttpAnswer, HttpCall } from './http-client.js'

/** Where Prosody's mod_http_roster_admin answers. */
export interface ModuleAddress {
  /** Such as http://localhost:5280/roster_admin/refresh */
  readonly url: string
  /** What Prosody is to find its VirtualHost by, in place of the URL's own host; '': nothing. */
  readonly host: string
}

// The module fetches every roster before it answers.
const TIMEOUT_MS = 10_000
// By how much a timer may come before a clock says so.
const TIMER_MS = 100
const MAX_BYTES = 64 * 1024

/** Of no user at all: it would never answer. */
export function refreshCall(address: ModuleAddress, users: Iterable<BareJid>): HttpCall {
  const headers = { ...headersFor(address), 'content-type': 'application/json' }
  const usernames = [...users].map((user) => user.slice(0, user.lastIndexOf('@')))
  return { ...bounds(address, ''), method: 'POST', headers, body: JSON.stringify(usernames) }
}

/** Of somebody who cannot be online: it answers, and fetches and tells nobody anything. */
export function probeCall(address: ModuleAddress): HttpCall {
  // RFC 7622 §3.3 has no colon in a username.
  return { ...bounds(address, '/:nobody'), method: 'GET', headers: headersFor(address) }
}

/** Whether a call ended because its time was over. */
export function tookAll(ms: number): boolean {
  return ms >= TIMEOUT_MS - TIMER_MS
}

/** What is wrong, with what mends it; null: the module has done it. */
export function moduleFault(address: ModuleAddress, answer: HttpAnswer, silent = false): string | null {
  const { origin, host } = new URL(address.url)
  if (answer.kind === 'failed') return `${origin}: ${silent ? SILENCE : answer.why}`
  const asked = address.host || host
  switch (answer.status) {
    case 200:
      break
    case 404:
      return (
        `${origin} answers 404: Prosody picks the VirtualHost by the Host header, which was ${asked}. Set refreshHost to its ` +
        'name, or in Prosody http_host or http_default_host; and let it load http_roster_admin'
      )
    default:
      return `${origin} answers ${answer.status}: the path must be that of Prosody's http_roster_admin, /roster_admin/refresh`
  }
  const { status, errors = 0 } = fields(answer.body)
  if (status === undefined) return `${origin} does not answer as Prosody's http_roster_admin does`
  if (status === 'ok' && errors === 0) return null
  return 'Prosody cannot fetch rosters from here: mend its http_roster_url, and the token in it'
}

/** Whether it has tried all of them, and some went wrong. */
export function failedInPart(answer: HttpAnswer): boolean {
  if (answer.kind !== 'answer' || answer.status !== 200) return false
  const { status, errors = 0 } = fields(answer.body)
  return status === 'ok' && errors !== 0
}

const SILENCE =
  'no answer; http_roster_admin gives none while a client has sent no presence, or while it cannot reach the gateway'

function bounds(address: ModuleAddress, path: string) {
  const url = new URL(address.url)
  url.pathname = url.pathname.replace(/\/$/, '') + path
  return { url, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }
}

function headersFor({ host }: ModuleAddress): Record<string, string> {
  return { accept: 'application/json', ...(host !== '' && { host }) }
}

function fields(body: string): { status?: unknown; errors?: unknown } {
  try {
    return JSON.parse(body) ?? {}
  } catch {
    return {}
  }
}
