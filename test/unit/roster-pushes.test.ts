import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Domains } from '../../src/presence/domains.js'
import { type BareJid, domainOf } from '../../src/presence/jid.js'
import type { Contact, Roster } from '../../src/roster/contact.js'
import { printPushed, readPushed } from '../../src/roster/pushed-roster.js'
import { printContacts } from '../../src/roster/roster-json.js'
import type { RosterPushStore } from '../../src/roster/roster-push-store.js'
import { RosterPushes } from '../../src/xmpp/roster-pushes.js'
import { FakeClock } from './fake-clock.js'
import { RosterKeepingServer } from './roster-keeping-server.js'
import { jid } from './users.js'

const [ALICE, BOB] = [jid('alice@h'), jid('bob@h')]
const COMPONENT: [string, Contact] = ['presence.h', { name: 'Presence', groups: [] }]
const FRIEND: Contact = { name: 'Friend', groups: ['Friends'] }

class MemoryStore implements RosterPushStore {
  readonly rows = new Map<BareJid, string>()
  full = false

  async pushed(user: BareJid) {
    return this.rows.get(user) ?? ''
  }

  async savePushed(user: BareJid, printed: string) {
    if (this.full) throw new Error('the disk is full')
    this.rows.set(user, printed)
  }

  async pushedUsers(after: string, limit: number) {
    return page([...this.rows.keys()], after, limit)
  }
}

describe('RosterPushes', () => {
  let clock: FakeClock
  let server: RosterKeepingServer
  let store: MemoryStore
  let kept: Map<BareJid, Roster>
  let pushes: RosterPushes
  let told: string[]

  beforeEach(() => {
    clock = new FakeClock()
    server = new RosterKeepingServer()
    store = new MemoryStore()
    kept = new Map()
    told = []
    begin()
  })

  /** As a process does that starts. */
  function begin(component: [string, Contact] | null = COMPONENT): void {
    const users = async (domain: string, after: string, limit: number) =>
      page(
        [...kept.keys()].filter((user) => domainOf(user) === domain),
        after === '' ? '' : `${after}@${domain}`,
        limit,
      )
    const printed = async (user: BareJid) => printContacts(kept.get(user) ?? new Map())
    const parts = {
      link: server,
      domains: new Domains(['h']),
      rosters: { users, printed, save: async () => {} },
      store,
      component: component && { jid: component[0], contact: component[1] },
      rostered: (user: BareJid) => told.push(`rostered ${user}`),
      refused: (user: BareJid, contact: string, why: string) => told.push(`refused ${user} ${contact}: ${why}`),
    }
    pushes = new RosterPushes('h', parts, clock, {
      failing: (why, retryInMs) => told.push(`failing: ${why}, ${retryInMs} ms`),
      working: () => told.push('working'),
    })
  }

  function account(user: BareJid, ...own: [string, Contact][]): void {
    server.rosters.set(user, new Map(own))
  }

  function keep(user: BareJid, ...contacts: [string, Contact][]): void {
    kept.set(user, new Map(contacts))
    pushes.changed(user)
  }

  async function settled(ms = 1000): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.passing(100)
      await server.workAll()
    }
  }

  const up = () => {
    server.online = true
    pushes.up()
  }

  it('writes what is kept, with the component, when the link comes up and when it changes', async () => {
    account(ALICE, ['mother@h', FRIEND])
    keep(ALICE, ['bob@h', FRIEND])
    up()
    await settled()
    assert.deepEqual(server.rosters.get(ALICE), new Map([['mother@h', FRIEND], COMPONENT, ['bob@h', FRIEND]]))
    assert.deepEqual(told, ['rostered alice@h'])
    keep(ALICE, ['carol@h', FRIEND])
    await settled()
    assert.deepEqual(server.rosters.get(ALICE), new Map([['mother@h', FRIEND], COMPONENT, ['carol@h', FRIEND]]))
  })

  it('writes nothing twice, neither after a lost link nor in another process', async () => {
    for (const user of [ALICE, BOB]) {
      account(user)
      keep(user, ['carol@h', FRIEND])
    }
    up()
    await settled()
    const { written } = server
    for (let process = 0; process < 2; process++) {
      server.cut()
      pushes.down()
      up()
      await settled()
      pushes.down()
      begin()
    }
    assert.equal(server.written, written)
  })

  it('takes back, too, what it had written for who has no roster any more, and the component where it is not wanted', async () => {
    account(ALICE)
    keep(ALICE, ['bob@h', FRIEND])
    up()
    await settled()
    pushes.down()
    kept.delete(ALICE)
    begin(null)
    up()
    await settled()
    assert.deepEqual(server.rosters.get(ALICE), new Map())
  })

  it('does not put back what she took out, and takes back in peace what is gone already', async () => {
    account(ALICE)
    keep(ALICE, ['bob@h', FRIEND])
    up()
    await settled()
    server.rosters.get(ALICE)?.clear()
    keep(ALICE, ['carol@h', FRIEND])
    await settled()
    assert.deepEqual(server.rosters.get(ALICE), new Map([['carol@h', FRIEND]]))
    assert.deepEqual(told, ['rostered alice@h'])
  })

  it('tells everything again when asked to, also what is to be taken back', async () => {
    account(ALICE)
    keep(ALICE, ['bob@h', FRIEND])
    up()
    await settled()
    account(ALICE, ['mother@h', FRIEND])
    pushes.changed(ALICE, true)
    await settled()
    assert.deepEqual(server.rosters.get(ALICE), new Map([['mother@h', FRIEND], COMPONENT, ['bob@h', FRIEND]]))
  })

  it('has one push a user under way, and at most twenty in all', async () => {
    up()
    await settled()
    const users = Array.from({ length: 50 }, (_, i) => jid(`u${i}@h`))
    for (const user of users) {
      account(user)
      keep(user, ['bob@h', FRIEND])
    }
    await clock.passing(0)
    assert.equal(server.asked.length, 20)
    keep(jid('u0@h'), ['carol@h', FRIEND])
    await clock.passing(0)
    assert.equal(server.asked.filter(({ to }) => to === 'u0@h').length, 1)
    await settled()
    assert.deepEqual(server.rosters.get('u0@h'), new Map([COMPONENT, ['carol@h', FRIEND]]))
    assert.deepEqual(server.rosters.get('u49@h'), new Map([COMPONENT, ['bob@h', FRIEND]]))
  })

  it('goes on where the server does not know somebody or does not take a contact', async () => {
    account(BOB)
    account(ALICE)
    keep(jid('nobody@h'), ['bob@h', FRIEND])
    keep(BOB, ['bob@h', FRIEND], ['silent@h', FRIEND], ['carol@h', FRIEND])
    server.instead = (to, contact) => {
      if (contact === 'silent@h') return { kind: 'timeout' }
      return to === contact ? { kind: 'error', condition: 'not-allowed' } : null
    }
    up()
    await settled()
    assert.deepEqual(server.rosters.get(BOB), new Map([COMPONENT, ['carol@h', FRIEND]]))
    assert.deepEqual(told.slice(1), [
      'refused bob@h bob@h: not-allowed',
      'refused bob@h silent@h: the server answers nothing',
    ])
    account(jid('nobody@h'))
    await settled(601_000)
    assert.deepEqual(server.rosters.get('nobody@h'), new Map([COMPONENT, ['bob@h', FRIEND]]))
  })

  it('asks a server that fails less and less, says so once, and goes on when it works', async () => {
    account(ALICE)
    keep(ALICE, ['bob@h', FRIEND])
    let asked = 0
    server.instead = () => {
      asked++
      return { kind: 'error', condition: 'internal-server-error' }
    }
    up()
    await settled(600_000)
    assert(asked > 5 && asked < 15, `${asked}`)
    assert.deepEqual(told, ['failing: internal-server-error, 1000 ms'])
    server.instead = () => null
    await settled(301_000)
    assert.deepEqual(told.slice(1), ['rostered alice@h', 'working'])
    assert.equal(server.rosters.get(ALICE)?.size, 2)
  })

  it('writes nothing that it cannot store', async () => {
    account(ALICE)
    keep(ALICE, ['bob@h', FRIEND])
    store.full = true
    up()
    await settled()
    assert.equal(server.written, 0)
    store.full = false
    await settled(5000)
    assert.equal(server.rosters.get(ALICE)?.size, 2)
  })

  it('leaves no timer behind, and waits for what is under way', async () => {
    account(ALICE)
    keep(ALICE, ['bob@h', FRIEND])
    up()
    await clock.passing(0)
    let stopped = false
    const stopping = pushes.stop().then(() => {
      stopped = true
    })
    await clock.passing(0)
    assert.equal(stopped, false)
    server.cut()
    await stopping
    await clock.passing(100)
    assert.equal(clock.timers, 0)
  })

  it('ends with what is kept, whatever was lost, killed and changed on the way', async () => {
    const users = [ALICE, BOB]
    const contact = fc.constantFrom<Contact>(FRIEND, { name: null, groups: [] }, { name: 'F', groups: ['A', 'B'] })
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('keep' as const),
        user: fc.constantFrom(...users),
        jid: fc.constantFrom('c@h', 'd@h'),
        contact: fc.option(contact, { freq: 2 }),
      }),
      fc.record({ kind: fc.constant('work' as const), index: fc.nat(5), answers: fc.boolean() }),
      fc.record({ kind: fc.constant('work' as const), index: fc.nat(5), answers: fc.constant(true) }),
      fc.record({ kind: fc.constantFrom('kill' as const, 'cut' as const, 'pass' as const) }),
    )
    const own = ['mother@h', FRIEND] as const
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
        server = new RosterKeepingServer()
        store = new MemoryStore()
        kept = new Map()
        for (const user of users) account(user, [...own])
        begin()
        up()
        for (const taken of steps) {
          if (taken.kind === 'keep') {
            const roster = new Map(kept.get(taken.user))
            if (taken.contact) roster.set(taken.jid, taken.contact)
            else roster.delete(taken.jid)
            keep(taken.user, ...roster)
          } else if (taken.kind === 'work') {
            server.work(taken.index, taken.answers)
          } else if (taken.kind === 'pass') {
            await clock.passing(10)
          } else {
            // A kill: whatever was under way ends where it is, and nothing of it is stored any more.
            const { rows } = store
            if (taken.kind === 'kill') {
              store.savePushed = async () => {}
              store = new MemoryStore()
              for (const [user, printed] of rows) store.rows.set(user, printed)
            }
            pushes.down()
            server.cut()
            if (taken.kind === 'kill') begin()
            up()
          }
          await clock.passing(0)
        }
        // What was worked off without an answer times out.
        pushes.down()
        server.cut()
        begin()
        up()
        await settled(2000)
        for (const user of users) {
          const wanted = kept.has(user) ? new Map([own, COMPONENT, ...(kept.get(user) ?? [])]) : new Map([own])
          assert.deepEqual(sorted(server.rosters.get(user)), sorted(wanted))
        }
        pushes.down()
      }),
      { numRuns: 300 },
    )
  })
})

describe('A pushed roster', () => {
  it('is read as it was printed', () => {
    const told = new Map([['a@h', { name: ':null', groups: ['1', 'B'] }]])
    for (const unsure of [new Set<string>(), new Set(['b@h', '"x":null@h'])]) {
      assert.deepEqual(readPushed(printPushed({ told, unsure })), { told, unsure })
    }
    assert.deepEqual(readPushed(''), { told: new Map(), unsure: new Set() })
    assert.deepEqual(readPushed('"b@h":null'), { told: new Map(), unsure: new Set(['b@h']) })
  })
})

function page(users: readonly BareJid[], after: string, limit: number): BareJid[] {
  return users
    .filter((user) => user > after)
    .toSorted()
    .slice(0, limit)
}

function sorted(roster: Roster = new Map()): [string, Contact][] {
  return [...roster].toSorted(([a], [b]) => (a < b ? -1 : 1))
}
