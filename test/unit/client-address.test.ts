import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import fc from 'fast-check'
import { clientAddress } from '../../src/http/client-address.js'

const PROXIES = ['127.0.0.0/8', '10.0.0.0/8', '2001:db8:ffff::/48']

function addressOf(trustProxy: readonly string[], remoteAddress: string | undefined, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return clientAddress(trustProxy)({ headers, socket: { remoteAddress } } as unknown as IncomingMessage)
}

describe('A client’s address', () => {
  for (const [what, trusted, remote, forwarded, address] of [
    ['whoever connects, if no proxy is trusted', [], '127.0.0.1', '192.0.2.1', '127.0.0.1'],
    ['whoever connects, if it is no proxy', PROXIES, '198.51.100.1', '192.0.2.1', '198.51.100.1'],
    ['who a proxy says it is', PROXIES, '127.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['who the nearest proxy says, whatever stands before', PROXIES, '127.0.0.1', '6.6.6.6, 192.0.2.1', '192.0.2.1'],
    ['who the last of several proxies says', PROXIES, '127.0.0.1', '6.6.6.6, 192.0.2.1, 10.1.2.3', '192.0.2.1'],
    ['the proxy itself where it forwards nothing', PROXIES, '127.0.0.1', undefined, '127.0.0.1'],
    ['the proxy itself where it forwards no address', PROXIES, '127.0.0.1', 'unknown, <b>', '127.0.0.1'],
    ['the last proxy that said an address', PROXIES, '127.0.0.1', '192.0.2.1, _hidden, 10.1.2.3', '10.1.2.3'],
    ['IPv6 in its shortest form', PROXIES, '::1', undefined, '::1'],
    ['IPv6 behind a proxy', PROXIES, '127.0.0.1', '2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['IPv4 though it comes as IPv6', PROXIES, '::ffff:127.0.0.1', '::ffff:192.0.2.1', '192.0.2.1'],
    ['without the interface', [], 'fe80::1%eth0', undefined, 'fe80::1'],
    ['nothing where the connection is gone', [], undefined, undefined, ''],
  ] as const) {
    it(`is ${what}`, () => assert.equal(addressOf(trusted, remote, forwarded), address))
  }

  it('is said once to be that of a proxy of ours which is not trusted, and never by whom the internet brings', () => {
    const told: string[] = []
    const address = clientAddress(['10.0.0.0/8'], (proxy) => told.push(proxy))
    for (const [remoteAddress, forwarded] of [
      ['8.8.8.8', '192.0.2.1'],
      ['10.1.2.3', 'nobody'],
      ['127.0.0.1', undefined],
      ['127.0.0.1', '192.0.2.1'],
      ['127.0.0.1', '192.0.2.1'],
    ]) {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
      address({ headers, socket: { remoteAddress } } as unknown as IncomingMessage)
    }
    assert.deepEqual(told, ['127.0.0.1'])
  })

  it('is an address, whatever is forwarded', () => {
    const part = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constantFrom('', ' ', '10.0.0.1', '::', 'fe80::1%x'))
    fc.assert(
      fc.property(fc.array(part), fc.constantFrom(...PROXIES, '0.0.0.0/1', '::/1'), (parts, trusted) => {
        const address = addressOf([trusted, '127.0.0.1/32'], '127.0.0.1', parts.join(', '))
        assert.notEqual(isIP(address), 0, address)
      }),
    )
  })
})
