import { normaliseDomain } from '../presence/jid.js'
import { APP_LIMITS } from './app.js'
import { AppFault } from './app-fault.js'
import { isAllowedPrivate } from './is-allowed-private.js'
import type { Outbound } from './outbound.js'

const MAX_HOST = 253
const MAX_LABEL = 63
const PORT = /:(\d{1,5})$/

/**
 * The host name that an app is to prove, as A-labels. With a port, as an IP literal, or without a dot in it only inside
 * `outbound.allowPrivate`. Our own host is not refused: what only its web server can show, only its admin can prove.
 * Throws AppFault.
 */
export async function readDomain(text: string, outbound: Outbound): Promise<string> {
  const written = text.trim()
  const fault = (why: string) => new AppFault('bad-field', `domain: ${JSON.stringify(written.slice(0, 100))} ${why}`)
  if (written.includes('/')) throw fault('is not a host name; leave out http:// and the path')
  const host = readHost(written.replace(PORT, ''))
  if (host === null) throw fault('is not a host name such as example.org')
  const port = PORT.exec(written)
  const authority = port ? `${host.name}${port[0]}` : host.name
  if (!URL.canParse(`http://${authority}`)) throw fault('is not a host name such as example.org')
  const isPlain = !host.isLiteral && !port && host.name.includes('.') && !/(^|\.)localhost$/.test(host.name)
  if (!isPlain && !(await isAllowedPrivate(host.name, 'domain', outbound))) {
    throw fault(
      'must be a public host name without a port (others only where the admin allows them: outbound.allowPrivate)',
    )
  }
  return new URL(`http://${authority}`).host
}

/** Subdomains of that domain, in the spelling of `App.hosts`. Throws AppFault. */
export function readHosts(hosts: readonly string[], domain: string): readonly string[] {
  const read = hosts.map((text) => {
    const written = text.trim()
    const port = PORT.exec(domain)?.[0] ?? ''
    const host = written.endsWith(port) ? readHost(written.slice(0, written.length - port.length)) : null
    // The dot before it makes it a subdomain, and no other name that ends alike.
    if (host && !host.isLiteral && `${host.name}${port}`.endsWith(`.${domain}`)) return `${host.name}${port}`
    throw new AppFault('bad-field', `hosts: ${JSON.stringify(written.slice(0, 100))} is not a subdomain of ${domain}`)
  })
  const unique = [...new Set(read)]
  if (unique.length > APP_LIMITS.hosts) throw new AppFault('too-many', `hosts: at most ${APP_LIMITS.hosts}`)
  return unique
}

/** As browsers read it: they take `127.1` and `0x7f000001` for addresses. */
function readHost(text: string): { readonly name: string; readonly isLiteral: boolean } | null {
  if (/^\[[0-9a-f:.]+\]$/i.test(text)) {
    return URL.canParse(`http://${text}`) ? { name: new URL(`http://${text}`).hostname, isLiteral: true } : null
  }
  const name = normaliseDomain(text)
  if (name === null || name.length > MAX_HOST || name.split('.').some(({ length }) => length > MAX_LABEL)) return null
  if (!URL.canParse(`http://${name}`)) return null
  const { hostname } = new URL(`http://${name}`)
  if (hostname !== name && !/^[\d.]+$/.test(hostname)) return null
  return { name: hostname, isLiteral: /^[\d.]+$/.test(hostname) }
}
