import { type BareJid, parseUserInput } from '../../presence/jid.js'

/** A JID as people type or paste it; `fault`: what to do about it. */
export function typedJid(text: string): { readonly jid: BareJid } | { readonly fault: string } {
  const bare = withoutScheme(text)
  const parsed = parseUserInput(bare)
  if (parsed.fault === undefined) return { jid: parsed.jid }
  const [before = ''] = bare.split('/')
  if (bare.includes('/') && parseUserInput(before).fault === undefined) return { fault: 'leave out what follows the /' }
  return { fault: 'that is no XMPP address. One looks like alice@example.org' }
}

/** `xmpp:alice@example.org?message` (RFC 5122), as links have it. */
export function withoutScheme(text: string): string {
  const [, uri] = /^xmpp:(?:\/\/[^/]*\/)?([^?]*)/i.exec(text.trim()) ?? []
  return uri ?? text.trim()
}
