import assert from 'node:assert/strict'
import { ReachableAddresses } from '../../src/http/reachable-addresses.js'

describe('Reachable addresses', () => {
  const none = new ReachableAddresses([])

  it('are the public ones', () => {
    for (const address of [
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.0',
      '169.253.255.255',
      '172.15.255.255',
      '172.32.0.0',
      '192.0.1.0',
      '192.0.3.0',
      '192.167.255.255',
      '192.169.0.0',
      '198.17.255.255',
      '198.20.0.0',
      '223.255.255.255',
      '2001:200::1',
      '2001:db7:ffff::1',
      '2001:4860:4860::8888',
      '2003::1',
      '2606:4700::1111',
      '2a00::1',
      '3ff0::1',
    ]) {
      assert(none.has(address), address)
      assert(!none.isAllowedPrivate(address), address)
    }
  })

  it('are none of those that have another purpose (IANA), nor one that hides an IPv4 address', () => {
    for (const address of [
      '0.0.0.0',
      '0.255.255.255',
      '10.0.0.0',
      '10.255.255.255',
      '100.64.0.0',
      '100.127.255.255',
      '127.0.0.1',
      '127.255.255.255',
      '168.63.129.16',
      '169.254.169.254',
      '172.16.0.0',
      '172.31.255.255',
      '192.0.0.8',
      '192.0.2.1',
      '192.88.99.1',
      '192.168.255.255',
      '198.18.0.0',
      '198.19.255.255',
      '198.51.100.1',
      '203.0.113.1',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      '::127.0.0.1',
      '::8.8.8.8',
      '::ffff:127.0.0.1',
      '::ffff:10.0.0.1',
      '::ffff:8.8.8.8',
      '::ffff:0:127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::1',
      '100::1',
      '100:0:0:1::1',
      '1fff:ffff::1',
      '2001::1',
      '2001:2::1',
      '2001:1ff:ffff::1',
      '2001:db8::1',
      '2002:7f00:1::',
      '2002:808:808::',
      '3ffe::1',
      '3fff::1',
      '3fff:fff:ffff::1',
      '4000::1',
      '5f00::1',
      'fc00::1',
      'fd00:ec2::254',
      'fe80::1',
      'fe80::1%eth0',
      '2a00::1%eth0',
      'fec0::1',
      'ff02::1',
      '',
      'localhost',
      '127.1',
      '1.1.1.1/0',
      '[::1]',
    ]) {
      assert(!none.has(address), address)
    }
  })

  it('are the networks that the admin allows, too', () => {
    const addresses = new ReachableAddresses(['127.0.0.0/8', '10.1.2.3/32', 'fd00::/64', '::1/128'])
    for (const address of ['127.0.0.1', '127.255.0.1', '10.1.2.3', 'fd00::9', '::1', '::ffff:127.0.0.1']) {
      assert(addresses.has(address) && addresses.isAllowedPrivate(address), address)
    }
    for (const address of ['128.0.0.1', '10.1.2.4', 'fd00:0:0:1::1', '::2', '::127.0.0.1', 'fd00::9%eth0']) {
      assert(!addresses.isAllowedPrivate(address), address)
    }
    assert(addresses.has('1.1.1.1'))
    assert(!addresses.has('10.1.2.4'))
  })
})
