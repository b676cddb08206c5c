import type { Domains } from '../presence/domains.js'
import { type BareJid, parseBareJid } from '../presence/jid.js'

export type StatusFormat = 'xml' | 'json' | 'txt'

export type StatusTarget =
  | { readonly kind: 'user'; readonly jid: BareJid; readonly domain: string; readonly suffix: StatusFormat | null }
  /** Nobody can be found under it. */
  | { readonly kind: 'nobody'; readonly suffix: StatusFormat | null }
  | { readonly kind: 'malformed'; readonly suffix: StatusFormat | null }

const SUFFIX = /\.(xml|json|txt)$/

/** What follows `/xmpp/status/` in the path, still percent-encoded (without the query). */
export function parseStatusTarget(encoded: string, domains: Domains): StatusTarget {
  let text: string
  try {
    // Once, and `+` is itself (RFC 3986 §2.4).
    text = decodeURIComponent(encoded)
  } catch {
    return { kind: 'malformed', suffix: null }
  }
  const at = text.lastIndexOf('@')
  const suffix = (SUFFIX.exec(text)?.[1] ?? null) as StatusFormat | null
  if (text.includes('/')) return { kind: 'malformed', suffix }
  // A public link; none is given out that does not answer.
  if (at < 0) return { kind: text.startsWith('~') && text.length > 1 ? 'nobody' : 'malformed', suffix }
  const local = text.slice(0, at)
  const whole = parseBareJid(local, text.slice(at + 1))
  // A served domain may end like a suffix: a@host.txt is a JID where host.txt is served.
  const asWritten = whole.fault === undefined && domains.has(whole.domain)
  const parsed = asWritten || suffix === null ? whole : parseBareJid(local, text.slice(at + 1, -suffix.length - 1))
  const stripped = asWritten ? null : suffix
  if (parsed.fault === 'malformed') return { kind: 'malformed', suffix: stripped }
  if (parsed.fault !== undefined) return { kind: 'nobody', suffix: stripped }
  return { kind: 'user', jid: parsed.jid, domain: parsed.domain, suffix: stripped }
}
