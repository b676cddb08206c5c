import { type BareJid, domainOf } from '../presence/jid.js'
import type { HttpCall } from './http-client.js'

const TIMEOUT_MS = 10_000
// As much as our own API takes.
const MAX_BYTES = 4 * 1024 * 1024
const ACCEPT = 'application/json, text/plain, */*'

/**
 * As mod_http_roster_admin asks for a roster, with the same template, `https://app.example.org/contacts/%s`. null: she cannot be
 * asked for. Throws TypeError for a template that `upstreamFault` finds fault with.
 */
export function rosterCall(template: string, user: BareJid): HttpCall | null {
  const name = encodeURIComponent(user.slice(0, -domainOf(user).length - 1))
  const url = fill(template, name)
  // A user may be called "..", which no percent-encoding saves from being a step up (WHATWG URL §4.4).
  if (url.href.length !== fill(template, 'x').href.length - 1 + name.length) return null
  return { method: 'GET', url, headers: { accept: ACCEPT }, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }
}

/** What is wrong with it, for the admin; null: nothing. */
export function upstreamFault(template: string): string | null {
  if (template.split('%s').length !== 2) return 'must have one %s, where the username goes'
  const name = 'a-user-name'
  const text = template.replace('%s', name)
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    return 'is not an http:// or https:// URL such as https://app.example.org/contacts/%s'
  }
  return `${url.pathname}${url.search}`.includes(name) ? null : 'must have its %s in the path or the query'
}

function fill(template: string, name: string): URL {
  return new URL(template.replace('%s', () => name))
}
