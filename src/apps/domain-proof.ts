import { isUtf8 } from 'node:buffer'
import { askDomain, redirectOf } from './ask-domain.js'
import { type Outbound, type OutboundAnswer, OutboundError } from './outbound.js'

export const PROOF_PATH = '/__presence'
const MAX_SHOWN = 60

/** What was found at the domain where the key should be; null: the key. */
export async function proofFault(outbound: Outbound, domain: string, key: string): Promise<string | null> {
  try {
    const { url, answer } = await askDomain(outbound, domain, PROOF_PATH)
    const fault = answerFault(url, answer, key)
    return fault && `${url}: ${fault}`
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return `http://${domain}${PROOF_PATH}: ${error.message}${unreachable(domain, error)}`
  }
}

function answerFault(url: URL, answer: OutboundAnswer, key: string): string | null {
  const redirect = redirectOf(url, answer)
  if (redirect) return `it redirects to ${shown(redirect.href)}; only https on the same host and path is followed`
  if (answer.status !== 200) return `it answers ${answer.status}, not 200`
  const { body } = answer
  if (/^(?:fffe|feff)/.test(body.subarray(0, 2).toString('hex')))
    return 'it is in UTF-16; save it as plain text, in UTF-8'
  if (!isUtf8(body)) return 'it is not in UTF-8; save it as plain text'
  return contentFault(new TextDecoder().decode(body).trim(), key)
}

/** Few listen on port 80 who have TLS, and it is asked first. */
function unreachable(domain: string, { message }: OutboundError): string {
  const isPort80 = !/:\d+$/.test(domain) && /^it (refuses the connection|cannot be reached)$/.test(message)
  return isPort80 ? ' (port 80 must answer, or redirect to https)' : ''
}

/** White space around the key is none of it. At most one character of what was found is told. */
function contentFault(text: string, key: string): string | null {
  if (text === key) return null
  if (text === '') return 'it is empty'
  let at = 0
  while (at < key.length && text[at] === key[at]) at++
  if (text.replace(/\s+/g, '') === key) {
    return `there is white space in the middle of it, from character ${at + 1} on; the key is one line`
  }
  if (at === text.length) return `it stops after ${at} of ${key.length} characters`
  const found = character(text, at)
  if (at === key.length) return `it goes on after the key: character ${at + 1} is ${found}`
  const hint = at === 0 && found === '"<"' ? '; it looks like a page' : ''
  return `it differs at character ${at + 1}: expected "${key[at]}", found ${found}${hint}`
}

function character(text: string, at: number): string {
  const code = text.codePointAt(at) ?? 0
  const letter = String.fromCodePoint(code)
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(letter)
    ? `"${letter}"`
    : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** A URL is ASCII, and what would reorder a line is escaped in it. */
function shown(url: string): string {
  return url.length > MAX_SHOWN ? `${url.slice(0, MAX_SHOWN)}…` : url
}
