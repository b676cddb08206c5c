import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { hashOf } from '../../src/accounts/hash.js'
import type { AppId } from '../../src/apps/app.js'
import { MOST_UIDS, Tickets } from '../../src/delivery/tickets.js'
import { FakeClock } from './fake-clock.js'

const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
const OTHER = 'app_bbbbbbbbbbbbbbbbbbbbbbbb' as AppId
const HOUR = 3_600_000
const aUid = () => `UID${randomBytes(16).toString('base64url')}`

describe('Tickets', () => {
  let clock: FakeClock
  let keys: string[]
  let tickets: Tickets
  const secret = randomBytes(32)
  const made = () => new Tickets({ secret, keysOf: async () => keys.map(hashOf), clock, random: randomBytes })
  beforeEach(() => {
    clock = new FakeClock()
    keys = ['key']
    tickets = made()
  })

  it('stand for their uids, to any process of this database', async () => {
    for (const count of [1, 2, MOST_UIDS]) {
      const uids = Array.from({ length: count }, aUid)
      const { ticket, expires } = tickets.make(APP, 'key', uids, HOUR)
      assert.equal(expires, clock.now() + HOUR)
      assert.match(ticket, /^[\w-]{67,2179}$/)
      assert.deepEqual(await made().read(APP, ticket), new Set(uids))
    }
  })

  it('say nothing that can be read, nor the same twice', () => {
    const uid = aUid()
    const [one, two] = [tickets.make(APP, 'key', [uid], HOUR), tickets.make(APP, 'key', [uid], HOUR)]
    assert.notEqual(one.ticket, two.ticket)
    assert.ok(!Buffer.from(one.ticket, 'base64url').includes(Buffer.from(uid.slice(3), 'base64url')))
  })

  it('expire to the millisecond', async () => {
    const { ticket } = tickets.make(APP, 'key', [aUid()], 1000)
    clock.pass(999)
    assert.ok(await tickets.read(APP, ticket))
    clock.pass(1)
    assert.equal(await tickets.read(APP, ticket), null)
  })

  it('are void for another app, in another database, and with the key that they were asked for with', async () => {
    const { ticket } = tickets.make(APP, 'key', [aUid()], HOUR)
    assert.equal(await tickets.read(OTHER, ticket), null)
    const elsewhere = new Tickets({
      secret: randomBytes(32),
      keysOf: async () => [hashOf('key')],
      clock,
      random: randomBytes,
    })
    assert.equal(await elsewhere.read(APP, ticket), null)
    keys = ['new', 'key']
    assert.ok(await tickets.read(APP, ticket))
    keys = ['new']
    assert.equal(await tickets.read(APP, ticket), null)
    keys = []
    assert.equal(await tickets.read(APP, ticket), null)
  })

  it('are void when a single bit is another, or anything is missing or too much', async () => {
    const { ticket } = tickets.make(APP, 'key', [aUid(), aUid()], HOUR)
    const bytes = Buffer.from(ticket, 'base64url')
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
        const other = Buffer.from(bytes)
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.equal(await tickets.read(APP, other.toString('base64url')), null)
      }),
    )
    for (let length = 0; length < ticket.length; length++) {
      assert.equal(await tickets.read(APP, ticket.slice(0, length)), null)
    }
    for (const other of [`${ticket}A`, `${ticket}=`, ` ${ticket}`, `${ticket}\n`]) {
      assert.equal(await tickets.read(APP, other), null)
    }
  })

  it('are never made up', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4000 }),
      fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    )
    await fc.assert(fc.asyncProperty(text, async (ticket) => assert.equal(await tickets.read(APP, ticket), null)))
  })

  it('know a uid by its shape', () => {
    for (let i = 0; i < 100; i++) assert.ok(Tickets.isUid(aUid()))
    const uid = aUid()
    // Its last character can be written in sixteen ways; one is ours.
    const others = [
      uid.slice(0, -1),
      `${uid}A`,
      uid.toLowerCase(),
      uid.slice(3),
      '',
      `${uid}\n`,
      `${uid.slice(0, -1)}B`,
    ]
    for (const other of others) assert.ok(!Tickets.isUid(other), other)
  })
})
