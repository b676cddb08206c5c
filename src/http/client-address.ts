import type { IncomingMessage } from 'node:http'
import { isIP, SocketAddress } from 'node:net'
import proxyAddr from 'proxy-addr'
import { ReachableAddresses } from './reachable-addresses.js'

/**
 * The client's address as far as proxies that are trusted can say, in its shortest form. Behind what they forward that is no
 * address stands the one of the last proxy. `distrusted`: told once of what seems to be a proxy of ours and is not trusted.
 */
export function clientAddress(
  trustProxy: readonly string[],
  distrusted: (proxy: string) => void = () => {},
): (request: IncomingMessage) => string {
  const trust = proxyAddr.compile([...trustProxy])
  let isTold = false
  return (request) => {
    // From the nearest on; a client can write whatever it likes behind the first that is not trusted.
    const known = proxyAddr.all(request, trust).filter((address, index) => index === 0 || isIP(address) !== 0)
    const address = plain(known.at(-1) ?? '')
    // Who comes from the internet may forward whatever it likes.
    if (!isTold && known.length === 1 && request.headers['x-forwarded-for'] && isIP(address) && !PUBLIC.has(address)) {
      isTold = !trust(address, 0)
      if (isTold) distrusted(address)
    }
    return address
  }
}

const PUBLIC = new ReachableAddresses([])

/** One address, one spelling; IPv4 in IPv6's clothes is IPv4. */
function plain(address: string): string {
  if (isIP(address) !== 6) return address
  const short = new SocketAddress({ address: address.replace(/%.*/, ''), family: 'ipv6' }).address
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1] ?? short
}
