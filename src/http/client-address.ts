import type { IncomingMessage } from 'node:http'
import { isIP, SocketAddress } from 'node:net'
import proxyAddr from 'proxy-addr'

/**
 * The client's address as far as proxies that are trusted can say, in its shortest form. Behind what they forward that is no
 * address stands the one of the last proxy.
 */
export function clientAddress(trustProxy: readonly string[]): (request: IncomingMessage) => string {
  const trust = proxyAddr.compile([...trustProxy])
  return (request) => {
    // From the nearest on; a client can write whatever it likes behind the first that is not trusted.
    const known = proxyAddr.all(request, trust).filter((address, index) => index === 0 || isIP(address) !== 0)
    return plain(known.at(-1) ?? '')
  }
}

/** One address, one spelling; IPv4 in IPv6's clothes is IPv4. */
function plain(address: string): string {
  if (isIP(address) !== 6) return address
  const short = new SocketAddress({ address: address.replace(/%.*/, ''), family: 'ipv6' }).address
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1] ?? short
}
