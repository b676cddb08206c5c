import type { App } from './app.js'
import type { Outbound } from './outbound.js'

export const MOST_REDIRECT = 4096
// RFC 3986 §2: printable ASCII. White space, controls and backslashes mean something else to each parser, so does what stands
// for a host in no plain letters, and RFC 6749 §3.1.2 has no fragment. What comes before the host is spelled out here.
const PLAIN = /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(?:[/?][!"$-[\]-~]*)?$/i
// What is ours to say there; in any spelling that a server's framework takes for it (PHP: `presence.token`, `state[]`).
const OURS = new Set(['presence_token', 'presence_uid', 'presence-uid', 'state', 'error'])

/**
 * Where an app wants users to be sent back to: on its proven domain, or on a host below that which it has listed. Without
 * whatever its query has that is ours to say. null: nobody may be sent there. Throws OutboundError where that cannot be said now.
 */
export async function readRedirect(
  text: string,
  app: Pick<App, 'domain' | 'hosts'>,
  outbound: Pick<Outbound, 'isAllowedPrivate'>,
): Promise<URL | null> {
  if (text.length > MOST_REDIRECT || !PLAIN.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  const [, domain = '', port] = /^(.*?)(?::(\d+))?$/.exec(app.domain) ?? []
  // Hosts are listed with the port of the domain, where that has one.
  const listed = port === undefined ? url.hostname : `${url.hostname}:${port}`
  const isListed = url.hostname === domain || (app.hosts.includes(listed) && url.hostname.endsWith(`.${domain}`))
  // Parsers leave out the scheme's own.
  const usual = url.protocol === 'https:' ? '443' : '80'
  if (!isListed || (url.port || usual) !== (port ?? usual)) return null
  if (url.protocol === 'http:' && !(await outbound.isAllowedPrivate(url.hostname))) return null
  const query = url.search.slice(1).split('&')
  // Untouched otherwise: it is for the app to read.
  if (query.some(saysOurs)) url.search = query.filter((pair) => !saysOurs(pair)).join('&')
  return url
}

/** The same, saying that too. */
export function withQuery(redirect: URL, said: Readonly<Record<string, string>>): URL {
  const url = new URL(redirect)
  url.search = [url.search.slice(1), String(new URLSearchParams(said))].filter(Boolean).join('&')
  return url
}

/** `pair`: between two `&`; there are servers that end it at a `;`, too. */
function saysOurs(pair: string): boolean {
  return pair.split(';').some((part) => {
    const [name = ''] = new URLSearchParams(part).keys()
    return OURS.has(name.trim().replace(/\[.*/s, '').replace(/[. ]/g, '_').toLowerCase())
  })
}
