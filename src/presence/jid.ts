import { domainToASCII } from 'node:url'

declare const bareJid: unique symbol
/** `local@domain`: the local part as the server itself spells it, the domain as A-labels. The key for a user, everywhere. */
export type BareJid = string & { readonly [bareJid]: true }

export type JidFault =
  /** No server can have such an account: RFC 7622 forbids it. */
  | 'malformed'
  /** A server might fold this to another spelling, and not each to the same: nobody is kept or looked up under it. */
  | 'ambiguous'

export type ParsedJid =
  | { readonly jid: BareJid; readonly domain: string; readonly fault?: undefined }
  | { readonly fault: JidFault }

// RFC 7622 §3.1: 1 to 1,023 octets for each part.
const MAX_PART_BYTES = 1023
const AT = 0x40
// RFC 1035 §2.3.4, as text. What is longer takes long to turn into A-labels, and those are longer still.
const MAX_DNS_NAME = 253
// RFC 7622 §3.3.1 forbids " & ' / : < > @ in a local part; white space and controls are in no PRECIS identifier class.
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is refused here.
const FORBIDDEN_IN_LOCAL = /["&'/:<>@\s\u0000-\u001f\u007f-\u009f\ufffe\uffff]|\p{Cs}/u
// Nothing in it to fold, its lengths apart.
const PLAIN_FULL = /^[a-z0-9._~!#$%()*+,;=?[\\\]^`{|}-]+@[a-z0-9._-]+\/[ -~]+$/
const PLAIN_LOCAL = /^[a-z0-9._~!#$%()*+,;=?[\\\]^`{|}-]+$/
// Capitals whose lower case nodeprep (Unicode 3.2) and every version since agree upon: Latin, Greek, Cyrillic, Armenian,
// Deseret. Between them are small letters, which stay. U+04C0 had no small letter then.
const FOLDABLE =
  /[A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u0232\u0386-\u03ab\u03d8-\u03ee\u0400-\u04bf\u04c1-\u04f5\u04f8\u0500-\u050e\u0531-\u0556\u1e00-\u1e95\u1ea0-\u1ef9\u1f08-\u1ffc\u{10400}-\u{10425}]/gu
// Looked for where all is decomposed: ß, ς, iota subscript and the Mongolian hyphen, which nodeprep writes ss, σ, ι and not
// at all, while RFC 7622 lets them stand; ∕, because ejabberd keeps the capital of ㏆ (C∕kg), and C∕kg is another's.
const UNSETTLED = /[\u0345\u00df\u03c2\u1806\u2215]/
// Joiners, directional marks, variation selectors, tags: servers drop them, which makes two spellings of one account.
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|\p{Cf}/u
// Nameprep writes them ss, σ and not at all, IDNA 2008 lets them stand: two domains (UTS #46 §4.1, "deviation characters").
const UNSETTLED_IN_DOMAIN = /[\u00df\u1e9e\u03c2\u200c\u200d]/
// RFC 3454 table B.1: what resourceprep drops.
const DROPPED_IN_RESOURCE = /[\u034f\u180b-\u180d\ufe00-\ufe0f\u00ad\u1806\u200b-\u200d\u2060\ufeff]/g
const ASCII = /^[ -~]*$/
const LABELS = /^(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

// A domain that is its own A-labels. Mostly the next one asked for is the same again, and a string that was looked up before
// has its hash already.
let lastDomain: string | null = null

/**
 * A bare JID as somebody typed it, turned into the key of the account.
 *
 * Prosody and ejabberd fold with nodeprep (RFC 6122), which knows Unicode 3.2 only; we fold only where every version of
 * Unicode agrees with it, and refuse as ambiguous what they would change in any other way. So a spelling either reaches the
 * account that the server would have reached, or none.
 */
export function parseBareJid(local: string, domain: string): ParsedJid {
  const host = normaliseDomain(domain)
  if (host === null || local === '') return { fault: 'malformed' }
  if (isPlainLocal(local)) return { jid: `${local}@${host}` as BareJid, domain: host }
  if (FORBIDDEN_IN_LOCAL.test(local) || Buffer.byteLength(local) > MAX_PART_BYTES) return { fault: 'malformed' }
  const folded = local.replace(FOLDABLE, (letter) => letter.toLowerCase())
  // Folding can make it longer.
  if (Buffer.byteLength(folded) > MAX_PART_BYTES) return { fault: 'malformed' }
  if (INVISIBLE.test(folded) || folded.normalize('NFKC') !== folded || UNSETTLED.test(folded.normalize('NFD'))) {
    return { fault: 'ambiguous' }
  }
  return { jid: `${folded}@${host}` as BareJid, domain: host }
}

function isPlainLocal(local: string): boolean {
  return PLAIN_LOCAL.test(local) && local.length <= MAX_PART_BYTES
}

/** Splits at the last `@`; a resource makes it malformed. For JIDs that people type. */
export function parseUserInput(text: string): ParsedJid {
  const at = text.lastIndexOf('@')
  const local = text.slice(0, at)
  const domain = text.slice(at + 1)
  // Mostly there is nothing to fold, and a copy of it would cost.
  if (at > 0 && domain === lastDomain && isPlainLocal(local)) return { jid: text as BareJid, domain: lastDomain }
  if (at < 0 || text.includes('/')) return { fault: 'malformed' }
  return parseBareJid(local, domain)
}

/** A domain as lower-case A-labels, without the final dot; null if it is none (RFC 5890, RFC 7622 §3.2). */
export function normaliseDomain(domain: string): string | null {
  if (domain === lastDomain) return lastDomain
  const bare = domain.endsWith('.') ? domain.slice(0, -1) : domain
  if (bare.length > MAX_PART_BYTES) return null
  const lower = bare.toLowerCase()
  if (LABELS.test(lower)) {
    if (lower === domain) lastDomain = domain
    return lower
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII that is no label is refused; the URL parser would decode it.
  if (/[\u0000-\u002c\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]/.test(bare)) return null
  if (bare.length > MAX_DNS_NAME || UNSETTLED_IN_DOMAIN.test(bare)) return null
  const ascii = domainToASCII(bare)
  return LABELS.test(ascii) && /[a-z]/.test(ascii) && ascii.length <= MAX_PART_BYTES ? ascii : null
}

export interface FullJid {
  readonly bare: BareJid
  readonly domain: string
  /** null for a stanza from the bare JID */
  readonly resource: string | null
}

/**
 * The `from` of a stanza that our own server stamped; null when it is no user's JID, or ambiguous. It is folded like what is
 * typed: ejabberd stamps the spelling in which the user logged in, whatever the account is called.
 */
export function parseStanzaJid(from: string): FullJid | null {
  const slash = from.indexOf('/')
  if (lastDomain !== null && endsInDomain(from, slash, lastDomain) && PLAIN_FULL.test(from)) {
    return { bare: from.slice(0, slash) as BareJid, domain: lastDomain, resource: from.slice(slash + 1) }
  }
  const address = slash < 0 ? from : from.slice(0, slash)
  const at = address.indexOf('@')
  if (at < 1 || slash === from.length - 1) return null
  const local = address.slice(0, at)
  const written = address.slice(at + 1)
  const resource = slash < 0 ? null : normaliseResource(from.slice(slash + 1))
  // The key of the bare JID.
  if (resource === '') return null
  const parsed = parseBareJid(local, written)
  return parsed.fault === undefined ? { bare: parsed.jid, domain: parsed.domain, resource } : null
}

/** Whether `@` and that domain stand before the slash, after a local part that is not too long. */
function endsInDomain(from: string, slash: number, domain: string): boolean {
  const at = slash - domain.length - 1
  return at > 0 && at <= MAX_PART_BYTES && from.charCodeAt(at) === AT && from.startsWith(domain, at + 1)
}

/** Whether two JIDs as a server writes them are one user's same resource. */
export function sameAddress(one: string, other: string): boolean {
  if (one === other) return true
  const a = parseStanzaJid(one)
  const b = parseStanzaJid(other)
  return a !== null && b !== null && a.bare === b.bare && a.resource === b.resource
}

/** ejabberd stamps resources as they were asked for, too, while its API names them after resourceprep (RFC 6122, app. B). */
function normaliseResource(resource: string): string {
  return ASCII.test(resource) ? resource : resource.replace(DROPPED_IN_RESOURCE, '').normalize('NFKC')
}

/** The domain of a key. */
export function domainOf(jid: BareJid): string {
  return jid.slice(jid.lastIndexOf('@') + 1)
}
