import type { IncomingMessage } from 'node:http'

// RFC 3986 §3.2.2; empty where what is asked for names no host.
const HOST = /^(?:\[[\w:.~%-]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/

/** What is wrong with the header Host (RFC 9112 §3.2), for whoever sent it; null: nothing. */
export function hostFault({ rawHeaders, httpVersion }: IncomingMessage): string | null {
  let host: string | undefined
  // `headers` has the first of two, and does not tell.
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (host !== undefined) return 'there is more than one Host header'
    host = rawHeaders[i + 1] ?? ''
  }
  if (host === undefined) return httpVersion === '1.1' ? 'there is no Host header' : null
  return HOST.test(host) ? null : 'the Host header is not a host'
}
