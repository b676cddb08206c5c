import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { BareJid } from '../../src/presence/jid.js'
import type { Contact, ContactJid, Roster } from '../../src/roster/contact.js'
import { ModuleRefresh } from '../../src/roster/module-refresh.js'
import { difference } from '../../src/roster/rosters.js'
import { FakeClock } from './fake-clock.js'
import { type Conduct, FakeRosterModule } from './fake-roster-module.js'

const ALICE = 'alice@localhost' as BareJid
const BOB = 'bob@localhost' as BareJid
const HOUR = 3_600_000
const ADDRESS = { url: 'http://localhost:5280/roster_admin/refresh', host: '' }

function set(fraction = () => 1) {
  const clock = new FakeClock()
  const rosters = new Map<BareJid, Roster>()
  const faults: (string | null)[] = []
  const served = (user: BareJid): Roster => {
    const hidden = refresh.give(user)
    for (const jid of hidden ?? []) assert.ok(rosters.get(user)?.has(jid), `${jid} is hidden, and no contact`)
    return new Map([...(rosters.get(user) ?? [])].filter(([jid]) => !hidden?.has(jid)))
  }
  const server = new FakeRosterModule(clock, 'localhost', served)
  const refresh = new ModuleRefresh(ADDRESS, server, clock, fraction, (fault) => faults.push(fault))
  const edit = (user: BareJid, jid: ContactJid, contact: Contact | null) => {
    const before = rosters.get(user) ?? new Map()
    const after = new Map(before)
    if (contact) after.set(jid, contact)
    else after.delete(jid)
    rosters.set(user, after)
    const change = difference(user, before, after)
    if (change) refresh.changed(change)
  }
  const usernames = () => server.calls.map(({ usernames }) => usernames)
  return { clock, rosters, faults, server, refresh, edit, usernames }
}

const named = (name: string | null, ...groups: string[]): Contact => ({ name, groups })

describe('ModuleRefresh', () => {
  it('makes one call of the changes of 200 ms', async () => {
    const { clock, refresh, edit, usernames } = set()
    edit(ALICE, 'carol@localhost', named('Carol'))
    await clock.passing(150)
    edit(BOB, 'carol@localhost', named('Carol'))
    edit(ALICE, 'dave@localhost', null)
    assert.deepEqual(usernames(), [])
    assert.equal(refresh.state.waiting, 2)
    await clock.passing(60)
    assert.deepEqual(usernames(), [['alice', 'bob']])
    assert.deepEqual(refresh.state, { waiting: 0, fault: null, succeededAt: clock.now() - 3 })
    assert.equal(clock.timers, 0)
  })

  it('makes calls of a hundred, one after the other', async () => {
    const { clock, refresh, usernames } = set()
    const users = Array.from({ length: 250 }, (_, n) => `user${n}@localhost` as BareJid)
    const outcome = refresh.refresh(users)
    await clock.passing(10_000)
    assert.deepEqual(
      usernames().map(({ length }) => length),
      [100, 100, 50],
    )
    assert.deepEqual(await outcome, { updated: 250, errors: 0 })
  })

  it('makes another name or group seen: the contact goes and comes', async () => {
    const { clock, rosters, server, edit, usernames } = set()
    rosters.set(ALICE, new Map([['bob@localhost', named('Bob')]]))
    server.login(ALICE)
    edit(ALICE, 'bob@localhost', named('Robert', 'Friends'))
    edit(BOB, 'alice@localhost', named('Alice'))
    await clock.passing(1000)
    assert.deepEqual(server.online.get(ALICE)?.get('bob@localhost'), named('Robert', 'Friends'))
    assert.deepEqual(usernames(), [['alice', 'bob'], ['alice']])
  })

  it('does not take away again who only failed to come back', async () => {
    const { clock, rosters, server, refresh, edit } = set()
    rosters.set(ALICE, new Map([['bob@localhost', named('Bob')]]))
    server.login(ALICE)
    server.conducts = [{ kind: 'well' }, { kind: 'refused' }]
    edit(ALICE, 'bob@localhost', named('Robert'))
    await clock.passing(1000)
    assert.equal(server.online.get(ALICE)?.size, 0)
    await clock.passing(5000)
    assert.equal(server.calls.length, 3)
    assert.deepEqual(server.online.get(ALICE), rosters.get(ALICE))
    assert.equal(refresh.state.waiting, 0)
  })

  it('hides nobody but while the server is to take her away', async () => {
    const { clock, rosters, server, refresh, edit } = set()
    rosters.set(ALICE, new Map([['bob@localhost', named('Bob')]]))
    server.login(ALICE)
    server.conducts = [{ kind: 'refused' }]
    edit(ALICE, 'bob@localhost', named('Robert'))
    assert.equal(refresh.give(ALICE), undefined)
    await clock.passing(200)
    assert.deepEqual([...(refresh.give(ALICE) ?? [])], ['bob@localhost'])
    assert.equal(refresh.give(BOB), undefined)
    await clock.passing(1)
    assert.equal(refresh.give(ALICE), undefined)
  })

  it('backs off with full jitter while Prosody is away, and says why once', async () => {
    const { clock, server, faults, refresh, edit } = set()
    server.conducts = Array.from({ length: 7 }, () => ({ kind: 'refused' }))
    edit(ALICE, 'bob@localhost', named('Bob'))
    for (let minutes = 0; minutes < 6; minutes++) {
      await clock.passing(60_000)
      // Does not make it any quicker.
      edit(BOB, `friend${minutes}@localhost`, named(null))
    }
    const waits = server.calls.map(({ at }, index) => at - (server.calls[index - 1]?.at ?? at))
    assert.deepEqual(waits.slice(0, 8), [0, 5001, 10_001, 20_001, 40_001, 60_001, 60_001, 60_001])
    assert.deepEqual(faults, ['http://localhost:5280: it refuses the connection', null])
    assert.equal(refresh.state.fault, null)
  })

  it('tries at once when it is asked to, and says that it failed', async () => {
    const { clock, server, refresh, edit, usernames } = set()
    server.conducts = [{ kind: 'refused' }, { kind: 'refused' }]
    edit(ALICE, 'bob@localhost', named('Bob'))
    await clock.passing(300)
    const outcome = refresh.refresh([BOB])
    await clock.passing(300)
    assert.deepEqual(usernames(), [['alice'], ['alice', 'bob']])
    assert.deepEqual(await outcome, { updated: 0, errors: 1 })
    assert.equal(refresh.state.waiting, 2)
  })

  for (const [what, online, silence] of [
    ['two seconds after the last roster was fetched', true, 2000],
    ['ten seconds when none is', false, 10_000],
  ] as const) {
    it(`lets nobody who gets no answer keep it from the others: gives up ${what}`, async () => {
      const { clock, server, faults, refresh, usernames } = set()
      server.silentAbout.add(BOB)
      const carol = 'carol@localhost' as BareJid
      const users = [ALICE, BOB, carol]
      if (online) for (const user of users) server.login(user)
      const outcome = refresh.refresh(users)
      await clock.passing(silence + 300)
      assert.deepEqual(usernames(), [['alice', 'bob', 'carol'], ['alice'], ['bob']])
      await clock.passing(silence)
      assert.deepEqual(usernames().slice(3), [['carol']])
      assert.deepEqual(await outcome, { updated: 2, errors: 1 })
      assert.match(faults[0] ?? '', /no answer; .* while a client has sent no presence/)
      server.silentAbout.clear()
      await clock.passing(HOUR)
      assert.deepEqual(usernames().slice(4), [['bob']])
      assert.equal(clock.timers, 0)
    })
  }

  it('tries somebody who got no answer again when there is another change', async () => {
    const { clock, server, refresh, edit, usernames } = set()
    server.silentAbout.add(ALICE)
    server.login(ALICE)
    edit(ALICE, 'x@localhost', named('One'))
    await clock.passing(60_000)
    const before = usernames().length
    assert.ok(before < 10)
    server.silentAbout.clear()
    edit(ALICE, 'x@localhost', named('Two'))
    await clock.passing(300)
    assert.equal(server.online.get(ALICE)?.get('x@localhost')?.name, 'Two')
    assert.equal(refresh.state.waiting, 0)
  })

  for (const [what, conduct, expected] of [
    ['the host', { kind: 'status', status: 404 }, /answers 404: .*Host header, which was localhost:5280.*refreshHost/],
    ['the path', { kind: 'status', status: 501 }, /answers 501: the path must be/],
    [
      'the roster URL',
      { kind: 'errors', fetched: 0 },
      /Prosody cannot fetch rosters from here: mend its http_roster_url/,
    ],
  ] as const) {
    it(`says what to mend when ${what} is wrong`, async () => {
      const { clock, server, refresh, edit } = set()
      server.conducts = [conduct]
      edit(ALICE, 'bob@localhost', named('Bob'))
      await clock.passing(300)
      assert.match(refresh.state.fault ?? '', expected)
    })
  }

  it('tries what waits once more when it stops, and leaves nobody out', async () => {
    const { clock, rosters, server, refresh, edit } = set()
    rosters.set(ALICE, new Map([['bob@localhost', named('Bob')]]))
    server.login(ALICE)
    edit(ALICE, 'bob@localhost', named('Robert'))
    const stopped = refresh.stop()
    await clock.passing(20)
    await stopped
    assert.deepEqual(server.online.get(ALICE)?.get('bob@localhost'), named('Robert'))
    edit(ALICE, 'bob@localhost', null)
    assert.deepEqual(await refresh.refresh([ALICE]), { updated: 0, errors: 1 })
    assert.equal(clock.timers, 0)
  })

  it('stops within two seconds, whatever Prosody does', async () => {
    const { clock, server, refresh, edit } = set()
    server.conducts = [{ kind: 'silent', fetched: 0 }]
    edit(ALICE, 'bob@localhost', named('Bob'))
    await clock.passing(300)
    const outcome = refresh.refresh([BOB])
    const stopped = refresh.stop()
    await clock.passing(2000)
    await stopped
    assert.deepEqual(await outcome, { updated: 0, errors: 1 })
    assert.equal(clock.timers, 0)
  })

  it('leaves every connected user with the roster that is served, whatever happens meanwhile', async function () {
    this.timeout(60_000)
    const user = fc.constantFrom(ALICE, BOB)
    const jid = fc.constantFrom('x@localhost', 'y@localhost')
    const contact = fc.option(fc.constantFrom(named('One'), named('Two'), named('One', 'Friends')), { nil: null })
    const fetched = fc.integer({ min: 0, max: 2 })
    const conduct: fc.Arbitrary<Conduct> = fc.oneof(
      { weight: 3, arbitrary: fc.constant<Conduct>({ kind: 'well' }) },
      fc.constant<Conduct>({ kind: 'refused' }),
      fc.constant<Conduct>({ kind: 'status', status: 404 }),
      fc.record({ kind: fc.constantFrom('reset' as const, 'silent' as const, 'errors' as const), fetched }),
    )
    const ms = fc.constantFrom(1, 2, 3, 4, 198, 200, 202, 10_000)
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ does: fc.constant('edit' as const), user, jid, contact }) },
      { weight: 5, arbitrary: fc.record({ does: fc.constant('pass' as const), ms }) },
      fc.record({ does: fc.constantFrom('login' as const, 'logout' as const, 'refresh' as const), user }),
    )
    const steps = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' })
    const fraction = fc.double({ min: 0, max: 1, noNaN: true })
    const fractionsDrawn = fc.array(fraction, { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(conduct, { maxLength: 20, size: 'max' }),
        fractionsDrawn,
        async (steps, conducts, fractions) => {
          let drawn = 0
          const { clock, rosters, server, refresh, edit } = set(() => fractions[drawn++ % fractions.length] ?? 0)
          server.conducts = conducts
          for (const user of [ALICE, BOB]) server.login(user)
          const outcomes: Promise<unknown>[] = []
          for (const step of steps) {
            if (step.does === 'edit') edit(step.user, step.jid, step.contact)
            else if (step.does === 'pass') await clock.passing(step.ms)
            else if (step.does === 'login') server.login(step.user)
            else if (step.does === 'logout') server.online.delete(step.user)
            else outcomes.push(refresh.refresh([step.user]))
          }
          await clock.passing(HOUR)
          for (const [user, roster] of server.online) assert.deepEqual(roster, new Map(rosters.get(user)), user)
          assert.equal(refresh.state.waiting, 0)
          assert.equal(clock.timers, 0)
          await Promise.all(outcomes)
          await refresh.stop()
        },
      ),
      { numRuns: 1000 },
    )
  })
})
