import assert from 'node:assert/strict'
import type { BareJid } from '../../src/presence/jid.js'
import type { HttpAnswer, HttpCall, HttpClient } from '../../src/roster/http-client.js'
import type { RosterChange } from '../../src/roster/roster-change.js'
import type { RosterCopies, RosterCopy } from '../../src/roster/roster-copies.js'
import { type UpstreamOutcome, UpstreamRosters } from '../../src/roster/upstream-rosters.js'
import { FakeClock } from './fake-clock.js'
import { jid } from './users.js'

const DOWN: HttpAnswer = { kind: 'failed', why: 'it refuses the connection' }
const alice = jid('alice@h')

const contacts = (...names: string[]): HttpAnswer => ({
  kind: 'answer',
  status: 200,
  body: JSON.stringify(Object.fromEntries(names.map((name) => [`${name}@h`, {}]))),
})
const printed = (...names: string[]) => names.map((name) => `"${name}@h":{"groups":{}}`).join()

/** A web app that answers when a test says so. */
class App implements HttpClient {
  /** Unanswered calls, by username, oldest first. */
  readonly waiting: { name: string; answer(answer: HttpAnswer): void }[] = []
  /** Everybody who was ever asked for. */
  readonly asked: string[] = []
  mostAtOnce = 0
  /** Says it at once, while there is something. */
  always: HttpAnswer | ((name: string) => HttpAnswer | null) | null = null

  call({ url }: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const name = url.pathname.slice(1)
    this.asked.push(name)
    const known = typeof this.always === 'function' ? this.always(name) : this.always
    if (known) return Promise.resolve(known)
    return new Promise((resolve) => {
      const answer = (said: HttpAnswer) => {
        this.waiting.splice(this.waiting.indexOf(call), 1)
        resolve(said)
      }
      const call = { name, answer }
      signal.addEventListener('abort', () => answer({ kind: 'failed', why: 'it was given up' }))
      this.mostAtOnce = Math.max(this.mostAtOnce, this.waiting.push(call))
    })
  }

  answer(answer: HttpAnswer): void {
    assert(this.waiting[0], 'nothing was asked')
    this.waiting[0].answer(answer)
  }

  async close() {}
}

class Copies implements RosterCopies {
  readonly byUser = new Map<BareJid, RosterCopy>()
  isBroken = false

  async copyOf(user: BareJid) {
    if (this.isBroken) throw new Error('broken')
    return this.byUser.get(user) ?? null
  }

  async saveCopy(user: BareJid, copy: RosterCopy) {
    if (this.isBroken) throw new Error('broken')
    this.byUser.set(user, copy)
  }
}

describe('The rosters of an upstream', () => {
  let app: App
  let clock: FakeClock
  let copies: Copies
  let rosters: UpstreamRosters
  let changes: RosterChange[]
  let said: string[]
  let outcomes: UpstreamOutcome[]
  let stale: number

  beforeEach(() => {
    app = new App()
    clock = new FakeClock()
    copies = new Copies()
    changes = []
    said = []
    outcomes = []
    stale = 0
    rosters = new UpstreamRosters(
      'http://app.example.org/%s',
      { http: app, copies, clock, component: 'presence.example.org', fraction: () => 1 },
      {
        changed: (change) => changes.push(change),
        fetched: (outcome) => outcomes.push(outcome),
        servedStale: () => stale++,
        complaint: (user, what) => said.push(`${user}: ${what}`),
        down: (why) => said.push(`down: ${why}`),
        up: () => said.push('up'),
      },
    )
  })
  afterEach(async () => {
    await rosters.stop()
    await clock.passing(0)
    assert.equal(clock.timers, 0)
    assert.equal(app.waiting.length, 0)
  })

  const haveCopy = (user: BareJid, ...names: string[]) =>
    void copies.byUser.set(user, { contacts: printed(...names), fetchedAt: 0 })

  const roster = async (user: BareJid) => rosters.printed(user)

  /** What somebody who logs in is given, `ms` later. */
  async function given(ms: number, serving: Promise<string>): Promise<string | undefined> {
    let served: string | undefined
    void serving.then((text) => {
      served = text
    })
    await clock.passing(ms)
    return served
  }

  /** So many different users log in, of whom there is a copy. */
  async function logIn(count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      haveCopy(jid(`u${n}@h`), 'old')
      await roster(jid(`u${n}@h`))
    }
  }

  it('are what it says, without what is wrong, which is named once', async () => {
    const body = '{"bob@h":{"groups":["Friends"]},"no jid":{},"carol@h":7}'
    app.always = { kind: 'answer', status: 200, body }
    assert.equal(await roster(alice), '"bob@h":{"groups":{"Friends":true}}')
    await roster(alice)
    assert.deepEqual(said, ['alice@h: "no jid" is no JID of a contact; "carol@h" is no object'])
    app.always = contacts('bob')
    await roster(alice)
    app.always = { kind: 'answer', status: 200, body }
    await roster(alice)
    assert.equal(said.length, 2)
    assert.deepEqual(outcomes, ['roster', 'roster', 'roster', 'roster'])
    assert.equal(stale, 0)
  })

  it('lack the component, which whoever serves them adds', async () => {
    app.always = { kind: 'answer', status: 200, body: '{"Presence.example.org":{"name":"P"},"bob@h":{}}' }
    assert.equal(await roster(alice), printed('bob'))
    assert.deepEqual(said, [])
  })

  it('lack the user herself, whom an app may count among her friends', async () => {
    app.always = { kind: 'answer', status: 200, body: '{"Alice@h":{},"bob@h":{}}' }
    assert.equal(await roster(alice), printed('bob'))
    app.always = { kind: 'answer', status: 200, body: '{"alice@h":{}}' }
    assert.equal(await roster(alice), '')
    assert.deepEqual(said, [])
  })

  it('are asked for once, however many ask for the same user', async () => {
    const served = Array.from({ length: 10 }, () => roster(alice))
    await clock.passing(0)
    assert.deepEqual(app.asked, ['alice'])
    app.answer(contacts('bob'))
    assert.deepEqual(new Set(await Promise.all(served)), new Set([printed('bob')]))
    void roster(alice)
    assert.deepEqual(app.asked, ['alice', 'alice'])
  })

  it('are the last good copy on any failure', async () => {
    haveCopy(alice, 'bob')
    for (const failure of [
      DOWN,
      { kind: 'answer', status: 500, body: '' },
      { kind: 'answer', status: 200, body: '<html>' },
    ]) {
      app.always = failure as HttpAnswer
      assert.equal(await roster(alice), printed('bob'))
    }
    assert.equal(stale, 3)
    assert.deepEqual(outcomes, ['unreachable', 'status', 'invalid'])
    assert.equal(rosters.owed, 1)
  })

  it('are empty where there never was a good one', async () => {
    app.always = DOWN
    assert.equal(await roster(alice), '')
    copies.isBroken = true
    assert.equal(await roster(alice), '')
  })

  it('are the last good copy after 1.5 s, and what comes later is told', async () => {
    haveCopy(alice, 'bob', 'carol')
    const serving = roster(alice)
    assert.equal(await given(1499, serving), undefined)
    assert.equal(await given(1, serving), printed('bob', 'carol'))
    await clock.passing(5000)
    assert.deepEqual(app.asked, ['alice'])
    app.answer(contacts('bob', 'dave'))
    await clock.passing(0)
    assert.deepEqual(changes, [{ user: alice, added: ['dave@h'], altered: [], removed: ['carol@h'] }])
    assert.equal(copies.byUser.get(alice)?.contacts, printed('bob', 'dave'))
    assert.equal(rosters.owed, 0)
    assert.deepEqual(said, [])
  })

  it('are waited for longer where there is no copy, and then are none for now', async () => {
    const serving = roster(alice)
    assert.equal(await given(4999, serving), undefined)
    assert.equal(await given(1, serving), '')
    app.answer(contacts('bob'))
    await clock.passing(0)
    assert.deepEqual(changes, [{ user: alice, added: ['bob@h'], altered: [], removed: [] }])
  })

  it('are told as changed to nobody who was given them', async () => {
    haveCopy(alice, 'bob')
    app.always = contacts('carol')
    assert.equal(await roster(alice), printed('carol'))
    assert.deepEqual(changes, [])
  })

  it('are empty for a user whom the app does not know, unless she had contacts', async () => {
    app.always = { kind: 'answer', status: 404, body: 'not found' }
    assert.equal(await roster(alice), '')
    assert.deepEqual([stale, rosters.owed], [0, 0])
    const bob = jid('bob@h')
    haveCopy(bob, 'alice')
    assert.equal(await roster(bob), printed('alice'))
    assert.deepEqual(said, ['bob@h: it answers as if there were no such user, who had contacts'])
    app.always = contacts()
    assert.equal(await roster(bob), '')
  })

  it('are tried again behind who was given a copy, with back-off, until they come', async () => {
    haveCopy(alice, 'bob')
    app.always = DOWN
    await roster(alice)
    const tries: number[] = []
    for (let second = 1; second <= 200; second++) {
      const before = app.asked.length
      await clock.passing(1000)
      if (app.asked.length > before) tries.push(second)
    }
    assert.deepEqual(tries, [1, 3, 7, 15, 31, 63, 123, 183])
    assert.deepEqual(said, ['alice@h: it refuses the connection'])
    app.always = contacts('carol')
    await clock.passing(60_000)
    assert.deepEqual(changes, [{ user: alice, added: ['carol@h'], altered: [], removed: ['bob@h'] }])
    await clock.passing(600_000)
    assert.equal(app.asked.length, tries.length + 2)
  })

  it('are not asked for while it is down, which three users in a row prove', async () => {
    app.always = DOWN
    await logIn(2)
    assert.equal(rosters.isDown, false)
    await logIn(3)
    assert.equal(rosters.isDown, true)
    assert.equal(said.at(-1), 'down: it refuses the connection')
    const before = app.asked.length
    haveCopy(alice, 'bob')
    assert.equal(await given(0, roster(alice)), printed('bob'))
    assert.equal(await given(0, roster(jid('new@h'))), '')
    assert.equal(app.asked.length, before)
    assert.equal(rosters.owed, 5)
  })

  it('are tried for one user after the other while it is down, and for all once it is up', async () => {
    app.always = DOWN
    await logIn(5)
    app.asked.length = 0
    await clock.passing(1000 + 2000 + 4000 + 8000)
    assert.deepEqual(app.asked, ['u1', 'u2', 'u3', 'u4'])
    app.always = contacts('new')
    await clock.passing(16_000)
    assert.deepEqual(said.slice(-2), ['down: it refuses the connection', 'up'])
    assert.deepEqual(
      changes.map(({ user }) => user).sort(),
      [1, 2, 3, 4, 5].map((n) => `u${n}@h`),
    )
    assert.deepEqual([rosters.isDown, rosters.owed], [false, 0])
  })

  it('come to all at once when any comes, however long the next try would have been', async () => {
    app.always = DOWN
    await logIn(5)
    await clock.passing(300_000)
    app.always = contacts('new')
    await rosters.refetch([alice])
    await clock.passing(0)
    assert.equal(rosters.owed, 0)
  })

  it('are not down when another user’s come in between, but are though a user is unknown', async () => {
    app.always = DOWN
    await logIn(2)
    app.always = contacts('new')
    await roster(alice)
    app.always = DOWN
    await roster(jid('bob@h'))
    await roster(jid('carol@h'))
    assert.equal(rosters.isDown, false)
    app.always = { kind: 'answer', status: 404, body: '' }
    await roster(jid('nobody@h'))
    app.always = DOWN
    await roster(jid('dave@h'))
    assert.equal(rosters.isDown, true)
  })

  it('stay available to all others when it fails for one user alone', async () => {
    app.always = (name) => (name === 'alice' ? { kind: 'answer', status: 500, body: '' } : contacts('new'))
    haveCopy(alice, 'bob')
    for (let n = 0; n < 20; n++) {
      assert.equal(await roster(alice), printed('bob'))
      await clock.passing(10_000)
    }
    assert.equal(rosters.isDown, false)
    assert.equal(await roster(jid('carol@h')), printed('new'))
    assert.deepEqual(said, ['alice@h: it answers 500'])
  })

  it('are asked for 50 users at once, the others wait, and where too many do they are given their copies', async () => {
    const users = Array.from({ length: 1051 }, (_, n) => jid(`u${n}@h`))
    for (const user of users) haveCopy(user, 'old')
    const served = users.map((user) => roster(user))
    await clock.passing(0)
    assert.equal(app.waiting.length, 50)
    assert.equal(await served[1050], printed('old'))
    while (app.waiting.length > 0) {
      app.answer(contacts('new'))
      await clock.passing(0)
    }
    assert.deepEqual(new Set(await Promise.all(served.slice(0, -1))), new Set([printed('new')]))
    assert.equal(app.mostAtOnce, 50)
    // Whom it had no place for has hers soon, too.
    app.always = contacts('new')
    await clock.passing(1000)
    assert.deepEqual(
      changes.map(({ user }) => user),
      ['u1050@h'],
    )
  })

  it('are given up in line once it is down', async () => {
    const users = Array.from({ length: 100 }, (_, n) => jid(`u${n}@h`))
    const served = users.map((user) => roster(user))
    await clock.passing(0)
    for (let n = 0; n < 3; n++) app.answer(DOWN)
    await clock.passing(0)
    assert.equal(rosters.isDown, true)
    assert.equal(app.asked.length, 50)
    while (app.waiting.length > 0) app.answer(DOWN)
    assert.deepEqual(new Set(await Promise.all(served)), new Set(['']))
    assert.equal(said.filter((line) => line.startsWith('down')).length, 1)
  })

  it('are refetched when told to, though it is down, and nobody is told twice of one change', async () => {
    app.always = DOWN
    await logIn(3)
    haveCopy(alice, 'bob')
    app.always = contacts('carol')
    assert.deepEqual(await rosters.refetch([alice]), { updated: 1, errors: 0 })
    assert.deepEqual(changes.filter(({ user }) => user === alice).length, 1)
    assert.equal(rosters.isDown, false)
    await rosters.refetch([alice, alice])
    assert.deepEqual(changes.filter(({ user }) => user === alice).length, 1)
    app.always = DOWN
    assert.deepEqual(await rosters.refetch([alice, jid('bob@h')]), { updated: 0, errors: 2 })
  })

  it('are refetched after an answer that is under way, which may be an older one', async () => {
    const serving = roster(alice)
    await clock.passing(0)
    const refetching = Promise.all([rosters.refetch([alice]), rosters.refetch([alice])])
    await clock.passing(0)
    assert.deepEqual(app.asked, ['alice'])
    app.answer(contacts('old'))
    assert.equal(await serving, printed('old'))
    await clock.passing(0)
    assert.deepEqual(app.asked, ['alice', 'alice'])
    app.answer(contacts('new'))
    assert.deepEqual(await refetching, [
      { updated: 1, errors: 0 },
      { updated: 1, errors: 0 },
    ])
    assert.deepEqual(changes.at(-1), { user: alice, added: ['new@h'], altered: [], removed: ['old@h'] })
  })

  it('are refetched for ten thousand users, ten at once', async () => {
    const users = Array.from({ length: 10_000 }, (_, n) => jid(`u${n}@h`))
    app.always = contacts('new')
    assert.deepEqual(await rosters.refetch(users), { updated: 10_000, errors: 0 })
    app.always = null
    const refetching = rosters.refetch(users)
    await clock.passing(0)
    // One more for whoever is owed.
    assert(app.waiting.length <= 11)
    app.always = contacts('new')
    while (app.waiting.length > 0) app.answer(contacts('new'))
    assert.deepEqual(await refetching, { updated: 10_000, errors: 0 })
  })

  it('are kept in memory while they cannot be stored', async () => {
    copies.isBroken = true
    app.always = contacts('bob')
    await roster(alice)
    app.always = DOWN
    assert.equal(await roster(alice), printed('bob'))
  })

  it('are not asked for where the name would lead elsewhere', async () => {
    assert.equal(await roster(jid('..@h')), '')
    assert.deepEqual(app.asked, [])
  })

  it('are still served after the end, and nothing more is asked', async () => {
    haveCopy(alice, 'bob')
    const serving = roster(alice)
    await clock.passing(0)
    await rosters.stop()
    assert.equal(await serving, printed('bob'))
    assert.equal(await roster(alice), printed('bob'))
    assert.deepEqual(app.asked, ['alice'])
    assert.deepEqual(said, [])
  })
})
