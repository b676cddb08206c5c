import { domainToASCII } from 'node:url'

declare const bareJid: unique symbol
/** `local@domain`: the local part as the server normalises it, the domain as A-labels. The key for a user, everywhere. */
export type BareJid = string & { readonly [bareJid]: true }

export type JidFault =
  /** No server can have such an account: RFC 7622 forbids it. */
  | 'malformed'
  /** A server might fold this to another spelling, and not each to the same: nobody is looked up under it. */
  | 'ambiguous'

export type ParsedJid =
  | { readonly jid: BareJid; readonly domain: string; readonly fault?: undefined }
  | { readonly fault: JidFault }

// RFC 7622 §3.1: 1 to 1,023 octets for each part.
const MAX_PART_BYTES = 1023
// RFC 7622 §3.3.1 forbids " & ' / : < > @ in a local part; white space and controls are in no PRECIS identifier class.
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is refused here.
const FORBIDDEN_IN_LOCAL = /["&'/:<>@\s\u0000-\u001f\u007f-\u009f\ufffe\uffff]|\p{Cs}/u
const PLAIN_LOCAL = /^[a-z0-9._~!#$%()*+,;=?[\\\]^`{|}-]+$/
// Letters whose lower case every version of Unicode agrees upon: Latin-1, Latin Extended-A and -B's start, Greek, Cyrillic.
const FOLDABLE = /[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017e\u0386-\u03ab\u0400-\u042f]/gu
// Joiners, directional marks, variation selectors, tags: servers drop them, which makes two spellings of one account.
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|\p{Cf}/u
const LABELS = /^(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/**
 * A bare JID as somebody typed it, turned into the key under which the server's own JIDs are kept.
 *
 * Prosody and ejabberd fold with nodeprep (RFC 6122), which knows Unicode 3.2 only; we fold only where every version of
 * Unicode agrees with it and look up everything else as it stands. So a spelling either reaches the account that the
 * server would have reached, or none.
 */
export function parseBareJid(local: string, domain: string): ParsedJid {
  const host = normaliseDomain(domain)
  if (host === null || local === '') return { fault: 'malformed' }
  if (PLAIN_LOCAL.test(local) && local.length <= MAX_PART_BYTES)
    return { jid: `${local}@${host}` as BareJid, domain: host }
  if (FORBIDDEN_IN_LOCAL.test(local) || Buffer.byteLength(local) > MAX_PART_BYTES) return { fault: 'malformed' }
  const folded = local.replace(FOLDABLE, (letter) => letter.toLowerCase())
  // Folding can make it longer.
  if (Buffer.byteLength(folded) > MAX_PART_BYTES) return { fault: 'malformed' }
  if (INVISIBLE.test(folded) || folded.normalize('NFKC') !== folded) return { fault: 'ambiguous' }
  return { jid: `${folded}@${host}` as BareJid, domain: host }
}

/** Splits at the last `@`; a resource makes it malformed. For JIDs that people type. */
export function parseUserInput(text: string): ParsedJid {
  const at = text.lastIndexOf('@')
  if (at < 0 || text.includes('/')) return { fault: 'malformed' }
  return parseBareJid(text.slice(0, at), text.slice(at + 1))
}

/** A domain as lower-case A-labels, without the final dot; null if it is none (RFC 5890, RFC 7622 §3.2). */
export function normaliseDomain(domain: string): string | null {
  const bare = domain.endsWith('.') ? domain.slice(0, -1) : domain
  const lower = bare.toLowerCase()
  if (LABELS.test(lower)) return lower.length <= MAX_PART_BYTES ? lower : null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII that is no label is refused; the URL parser would decode it.
  if (/[\u0000-\u002c\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]/.test(bare)) return null
  if (Buffer.byteLength(bare) > MAX_PART_BYTES) return null
  const ascii = domainToASCII(bare)
  return LABELS.test(ascii) && /[a-z]/.test(ascii) && ascii.length <= MAX_PART_BYTES ? ascii : null
}

export interface FullJid {
  readonly bare: BareJid
  readonly domain: string
  /** null for a stanza from the bare JID */
  readonly resource: string | null
}

// Mostly the next stanza is from the same domain as the last: a string that was looked up before has its hash already.
let lastDomain = ''

/**
 * The `from` of a stanza that our own server stamped. The local part is taken as it stands: the server's spelling is the
 * account. null when it is no user's JID.
 */
export function parseStanzaJid(from: string): FullJid | null {
  const slash = from.indexOf('/')
  const bare = slash < 0 ? from : from.slice(0, slash)
  const at = bare.indexOf('@')
  if (at < 1) return null
  const written = bare.slice(at + 1)
  const domain = written === lastDomain ? lastDomain : normaliseDomain(written)
  if (domain === null) return null
  if (domain === written) lastDomain = domain
  if (slash === from.length - 1 || bare.length > 2 * MAX_PART_BYTES) return null
  return {
    bare: (domain === written ? bare : `${bare.slice(0, at)}@${domain}`) as BareJid,
    domain,
    resource: slash < 0 ? null : from.slice(slash + 1),
  }
}

/** The domain of a key. */
export function domainOf(jid: BareJid): string {
  return jid.slice(jid.lastIndexOf('@') + 1)
}
