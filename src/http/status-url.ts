import type { Domains } from '../presence/domains.js'
import { type BareJid, type ParsedJid, parseUserInput } from '../presence/jid.js'

export type StatusFormat = 'xml' | 'json' | 'txt'

export type StatusTarget =
  | { readonly kind: 'user'; readonly jid: BareJid; readonly domain: string; readonly suffix: StatusFormat | null }
  /** A user's own link (see PublicLinks). */
  | { readonly kind: 'link'; readonly token: string; readonly suffix: StatusFormat | null }
  /** Nobody can be found under it. */
  | { readonly kind: 'nobody'; readonly suffix: StatusFormat | null }
  | { readonly kind: 'malformed'; readonly suffix: StatusFormat | null }

const SUFFIX = /\.(xml|json|txt)$/

/** What follows `/xmpp/status/` in the path, still percent-encoded (without the query). */
export function parseStatusTarget(encoded: string, domains: Domains): StatusTarget {
  let text = encoded
  try {
    // Once, and `+` is itself (RFC 3986 §2.4).
    if (encoded.includes('%')) text = decodeURIComponent(encoded)
  } catch {
    return { kind: 'malformed', suffix: suffixOf(encoded) }
  }
  const whole = parseUserInput(text)
  // Also first: a served domain may end like a suffix. a@host.txt is a JID where host.txt is served.
  if (whole.fault === undefined && domains.has(whole.domain)) return target(whole, null)
  const suffix = suffixOf(text)
  const name = suffix === null ? text : text.slice(0, -suffix.length - 1)
  if (/^~[^/@]+$/.test(text)) return { kind: 'link', token: name.slice(1), suffix }
  return target(suffix === null ? whole : parseUserInput(name), suffix)
}

function suffixOf(text: string): StatusFormat | null {
  return (SUFFIX.exec(text)?.[1] ?? null) as StatusFormat | null
}

function target(parsed: ParsedJid, suffix: StatusFormat | null): StatusTarget {
  if (parsed.fault === undefined) return { kind: 'user', jid: parsed.jid, domain: parsed.domain, suffix }
  return { kind: parsed.fault === 'malformed' ? 'malformed' : 'nobody', suffix }
}
