import { BlockList, isIP } from 'node:net'

// What IANA's special-purpose registry has as not globally reachable, or as a way somewhere else (6to4 relays, AMT, AS112).
const NOT_PUBLIC_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Where clouds keep what their machines are told, credentials among it; the next but one is Azure's.
  '169.254.0.0/16',
  '168.63.129.16/32',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
// Whatever is not given out for the public: loopback, unique local, link-local, multicast, and every form with an IPv4 address
// in it (::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48) lie outside.
const PUBLIC_IPV6 = ['2000::/3']
// Teredo and benchmarks, documentation, 6to4, AS112, the former 6bone.
const NOT_PUBLIC_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3ffe::/16', '3fff::/20']

/** Which addresses may be called for strangers: those of the public internet, and the networks that the admin allows. */
export class ReachableAddresses {
  readonly #publicIpv6 = blockList(PUBLIC_IPV6)
  readonly #notPublic = blockList([...NOT_PUBLIC_IPV4, ...NOT_PUBLIC_IPV6])
  readonly #allowed: BlockList

  /** No private network is allowed. */
  readonly areAllPublic: boolean

  constructor(allowPrivate: readonly string[]) {
    this.areAllPublic = allowPrivate.length === 0
    this.#allowed = blockList(allowPrivate)
  }

  has(address: string): boolean {
    return this.#isPublic(address) || this.isAllowedPrivate(address)
  }

  isAllowedPrivate(address: string): boolean {
    return isAddress(address) && this.#allowed.check(address, familyOf(address))
  }

  #isPublic(address: string): boolean {
    if (!isAddress(address)) return false
    const family = familyOf(address)
    if (family === 'ipv6' && !this.#publicIpv6.check(address, family)) return false
    return !this.#notPublic.check(address, family)
  }
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    list.addSubnet(address, Number(bits), familyOf(address))
  }
  return list
}

/** One with a zone (`fe80::1%eth0`) is of this machine's own networks. */
function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%')
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
