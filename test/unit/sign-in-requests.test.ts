import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { networkOf, siteOf } from '../../src/accounts/network.js'
import { SignIn } from '../../src/accounts/sign-in.js'
import { SignInRequests } from '../../src/accounts/sign-in-requests.js'
import { FakeClock } from './fake-clock.js'

describe('Requests to sign in', () => {
  let sent: string[]
  let clock: FakeClock
  let signIn: SignIn
  let online: boolean
  let requests: SignInRequests
  beforeEach(() => {
    sent = []
    clock = new FakeClock()
    signIn = new SignIn({ send: (user) => void sent.push(user) }, clock, randomBytes)
    online = true
    // Two may meet in a slot by chance; under this key none of those here does.
    requests = new SignInRequests(
      signIn,
      () => online,
      (bytes) => Buffer.alloc(bytes, 7),
    )
  })

  const kinds = async (times: number, jid: (n: number) => string, address: (n: number) => string) => {
    const counted: Record<string, number> = {}
    for (let n = 0; n < times; n++) {
      const { kind } = await requests.begin(jid(n), address(n))
      counted[kind] = (counted[kind] ?? 0) + 1
    }
    return counted
  }

  it('begin with a JID as people type it', async () => {
    assert.equal((await requests.begin(' Alice@Example.ORG\n', '192.0.2.1')).kind, 'begun')
    assert.deepEqual(sent, ['alice@example.org'])
  })

  it('are refused for what is no user’s JID, or not everywhere the same one’s', async () => {
    for (const jid of [
      '',
      'alice',
      '@h',
      'alice@',
      'alice@h/r',
      'h',
      'straße@h',
      'a\u200bb@h',
      `${'x'.repeat(1024)}@h`,
    ]) {
      assert.deepEqual(await requests.begin(jid, '192.0.2.1'), { kind: 'malformed' }, jid)
    }
    assert.deepEqual(sent, [])
  })

  it('are told that nothing can be sent while the link is down, and count for nobody', async () => {
    online = false
    for (let i = 0; i < 10; i++) assert.deepEqual(await requests.begin('alice@h', '192.0.2.1'), { kind: 'link-down' })
    online = true
    assert.equal((await requests.begin('alice@h', '192.0.2.1')).kind, 'begun')
  })

  it('are five for a JID in ten minutes, from wherever, in whatever spelling', async () => {
    const counted = await kinds(
      8,
      (n) => (n % 2 ? 'alice@h' : 'ALICE@H'),
      (n) => `192.0.2.${n}`,
    )
    assert.deepEqual(counted, { begun: 5, limited: 3 })
    assert.equal(sent.length, 5)
    const refused = await requests.begin('alice@h', '198.51.100.1')
    assert(refused.kind === 'limited' && refused.retryAfterMs > 590_000 && refused.retryAfterMs <= 600_000)
  })

  it('are twenty from an address in ten minutes, for whomever; others go on', async () => {
    assert.deepEqual(
      await kinds(
        30,
        (n) => `u${n}@h`,
        () => '192.0.2.1',
      ),
      { begun: 20, limited: 10 },
    )
    assert.equal((await requests.begin('u25@h', '192.0.2.2')).kind, 'begun')
  })

  it('are twenty from all of an IPv6 /64', async () => {
    const counted = await kinds(
      30,
      (n) => `u${n}@h`,
      (n) => `2001:db8:0:1::${n.toString(16)}`,
    )
    assert.deepEqual(counted, { begun: 20, limited: 10 })
    assert.equal((await requests.begin('v@h', '2001:db8:0:2::1')).kind, 'begun')
  })

  it('use up nobody’s share when they are refused for the address', async () => {
    await kinds(
      25,
      (n) => (n < 20 ? `u${n}@h` : 'alice@h'),
      () => '192.0.2.1',
    )
    assert.deepEqual(
      await kinds(
        6,
        () => 'alice@h',
        (n) => `192.0.2.${n + 2}`,
      ),
      { begun: 5, limited: 1 },
    )
  })

  it('are a hundred from all of an IPv6 /48; others go on, and those beside in it use up nothing of theirs', async () => {
    const counted = await kinds(
      3000,
      (n) => `u${n % 1000}@h`,
      (n) => `2001:db8:7:${(n % 150).toString(16)}::1`,
    )
    assert.deepEqual(counted, { begun: 100, limited: 2900 })
    assert.equal((await requests.begin('u999@h', '2001:db8:8:1::1')).kind, 'begun')
  })

  it('leave a user who is asked for all day long from one site what she needs from elsewhere', async () => {
    const { now } = Date
    try {
      const counted: Record<string, number> = {}
      for (let window = 0; window < 20; window++) {
        const inWindow = await kinds(
          6,
          () => 'alice@h',
          (n) => `192.0.2.${window * 6 + n}`,
        )
        for (const [kind, times] of Object.entries(inWindow)) counted[kind] = (counted[kind] ?? 0) + times
        clock.pass(601_000)
        const at = Date.now() + 601_000
        Date.now = () => at
      }
      assert.deepEqual(counted, { begun: 30, limited: 90 })
      assert.equal((await requests.begin('alice@h', '198.51.100.1')).kind, 'begun')
    } finally {
      Date.now = now
    }
  })

  it('begin though too many are under way: one of the site that has most is over', async () => {
    for (let i = 0; i < 10_000; i++) signIn.begin(`u${i}@h` as never, '2001:db8::1')
    assert.equal((await requests.begin('alice@h', '192.0.2.1')).kind, 'begun')
  })

  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['1::', '1:0:0:0'],
    ['1:2:3:4:5:6:7::', '1:2:3:4'],
    ['::2:3:4:5:6:7:8', '0:2:3:4'],
    ['', ''],
  ] as const) {
    it(`count ${address || 'no address'} as ${network || 'one'}`, () => assert.equal(networkOf(address), network))
  }

  for (const [address, site] of [
    ['192.0.2.1', '192.0.2'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1'],
    ['::1', '0:0:0'],
    ['', ''],
  ] as const) {
    it(`count ${address || 'no address'} to the site ${site}`, () => assert.equal(siteOf(address), site))
  }
})
