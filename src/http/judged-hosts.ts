import { Resolver } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { OutboundError } from '../apps/outbound.js'
import { GivenUp } from './given-up.js'
import { ReachableAddresses } from './reachable-addresses.js'

const LOOPBACK = ['127.0.0.1', '::1']
// One word for all of it: who asks must not learn which names and addresses there are inside.
const NOT_PUBLIC = 'there is no such host on the public internet'

/** Every address of a host name; none where there is no such host. Rejects where that cannot be said. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** Where the hosts lead that strangers name, and whether we go there: docs/decisions/0014. */
export class JudgedHosts {
  readonly #addresses: ReachableAddresses
  readonly #resolve: Resolve

  constructor(allowPrivate: readonly string[], resolve: Resolve = resolveInDns) {
    this.#addresses = new ReachableAddresses(allowPrivate)
    this.#resolve = resolve
  }

  /** No private network is allowed. */
  get areAllPublic(): boolean {
    return this.#addresses.areAllPublic
  }

  async isAllowedPrivate(hostname: string): Promise<boolean> {
    const found = await this.#find(hostname)
    return found.length > 0 && found.every((address) => this.#addresses.isAllowedPrivate(address))
  }

  /** The addresses to connect to, all of them looked at. Throws OutboundError. */
  async reachable(url: URL): Promise<readonly string[]> {
    demandForTheWeb(url)
    const addresses = await this.#find(url.hostname)
    if (addresses.length === 0 || !addresses.every((address) => this.#addresses.has(address))) {
      throw new OutboundError(NOT_PUBLIC)
    }
    return addresses
  }

  /** `hostname`: as a URL has it, so that every spelling of an IPv4 address is the usual one. */
  async #find(hostname: string): Promise<readonly string[]> {
    const name = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
    if (isIP(name) !== 0) return [name]
    // RFC 6761 §6.3: no such name is ever looked up. Which of the two it is, is ours to say.
    if (/(^|\.)localhost$/.test(name)) return LOOPBACK.filter((address) => this.#addresses.has(address))
    return this.#resolve(name)
  }
}

/** Throws OutboundError. */
export function demandForTheWeb(url: URL): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OutboundError('it does not begin with http:// or https://')
  }
  if (url.username !== '' || url.password !== '') throw new OutboundError('it has a user name or a password in it')
  if (!isPortOfTheWeb(url.port)) throw new OutboundError(`port ${url.port} is not one for the web`)
}

// Below 1024 listen mail servers and the like, to which a request for the web may read like commands.
function isPortOfTheWeb(port: string): boolean {
  return port === '' || port === '80' || port === '443' || Number(port) >= 1024
}

/** Leads to those addresses, whatever the name leads to by now. */
export function lookupOf(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_, options, callback) => {
    const [first] = all
    if (options.all) callback(null, all)
    else callback(null, first?.address ?? '', first?.family)
  }
}

// Not by getaddrinfo: that has few threads, and strangers with slow names would keep the gateway's own look-ups waiting.
async function resolveInDns(name: string): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: 1500, tries: 2 })
  const asked = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const found = asked.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  if (found.length > 0) return found
  const [code] = asked.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.code] : [])).filter(isTrouble)
  if (code === undefined) return []
  throw new GivenUp('its name cannot be looked up now')
}

/** Neither of the two says that there is no such address. */
function isTrouble(code: string): boolean {
  return code !== 'ENOTFOUND' && code !== 'ENODATA'
}
