import { type Outbound, type OutboundAnswer, OutboundError } from './outbound.js'

const REDIRECTS = [301, 302, 303, 307, 308]

/** What a domain answers for a path, and where: over https if http sends to the same host and path there. Throws OutboundError. */
export async function askDomain(
  outbound: Outbound,
  domain: string,
  path: string,
): Promise<{ readonly url: URL; readonly answer: OutboundAnswer }> {
  const url = new URL(`http://${domain}${path}`)
  const answer = await outbound.get(url)
  const secure = redirectOf(url, answer)
  if (secure === null || !isSameOverTls(url, secure)) return { url, answer }
  try {
    return { url: secure, answer: await outbound.get(secure) }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw new OutboundError(`it redirects to https, and there ${error.message}`)
  }
}

/** Where an answer sends to; null: nowhere. */
export function redirectOf(url: URL, { status, headers }: OutboundAnswer): URL | null {
  const { location } = headers
  if (!REDIRECTS.includes(status) || location === undefined || !URL.canParse(location, url.href)) return null
  return new URL(location, url)
}

function isSameOverTls(url: URL, secure: URL): boolean {
  const same = new URL(url)
  same.protocol = 'https:'
  return secure.href === same.href || secure.href === `https://${url.hostname}${url.pathname}`
}
