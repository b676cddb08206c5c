import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { BareJid } from '../../src/presence/jid.js'
import type { Contact, Roster } from '../../src/roster/contact.js'
import { RecentRosters } from '../../src/roster/recent-rosters.js'
import type { RosterChange } from '../../src/roster/roster-change.js'
import type { RosterStore } from '../../src/roster/roster-store.js'
import { difference, Rosters } from '../../src/roster/rosters.js'
import { ServedRosters } from '../../src/roster/served-rosters.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteRosterStore } from '../../src/storage/sqlite-roster-store.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')
const BOB = jid('bob@h')

const contact = (name: string | null = null, ...groups: string[]): Contact => ({ name, groups })

describe('Rosters', () => {
  const directory = temporaryDirectory()
  let database: ReturnType<typeof openDatabase>
  let rosters: Rosters
  let changes: RosterChange[]
  beforeEach(() => {
    database = openDatabase(directory())
    rosters = new Rosters(new SqliteRosterStore(database))
    changes = []
    rosters.onChange((change) => changes.push(change))
  })
  afterEach(() => database.close())

  it('tell what was added, altered and removed, once it is stored', async () => {
    const put = (roster: Roster) => rosters.edit([ALICE], () => new Map([[ALICE, roster]]))
    await put(
      new Map([
        [BOB, contact('Bob')],
        ['carol@h', contact()],
        ['dora@h', contact(null, 'a', 'b')],
      ]),
    )
    await put(
      new Map([
        [BOB, contact('Bobby')],
        ['dora@h', contact(null, 'b', 'a')],
        ['eve@h', contact()],
      ]),
    )
    assert.deepEqual(changes, [
      { user: ALICE, added: [BOB, 'carol@h', 'dora@h'], altered: [], removed: [] },
      { user: ALICE, added: ['eve@h'], altered: [BOB], removed: ['carol@h'] },
    ])
  })

  it('say and store nothing for what stays as it is', async () => {
    await rosters.setContact(ALICE, BOB, () => contact('Bob', 'Friends'))
    await rosters.setContact(ALICE, BOB, () => contact('Bob', 'Friends'))
    await rosters.setContact(ALICE, 'nobody@h', () => null)
    assert.equal(changes.length, 1)
  })

  it('give out no contact that has become the component since', async () => {
    await rosters.edit(
      [ALICE],
      () =>
        new Map([
          [
            ALICE,
            new Map([
              [BOB, contact()],
              ['presence.h', contact('Old')],
            ]),
          ],
        ]),
    )
    const later = new Rosters(new SqliteRosterStore(database), 'presence.h')
    assert.deepEqual([...(await later.contacts(ALICE)).keys()], [BOB])
    await later.setContact(ALICE, 'carol@h', () => contact())
    assert.deepEqual([...(await rosters.contacts(ALICE)).keys()], [BOB, 'carol@h'])
  })

  it('lose no edit to another at the same time', async () => {
    const names = Array.from({ length: 50 }, (_, n) => `u${n}@h`)
    await Promise.all(names.map((name) => rosters.setContact(ALICE, name, () => contact(name))))
    assert.deepEqual([...(await rosters.contacts(ALICE)).keys()].sort(), names.sort())
  })

  it('change both sides or none', async () => {
    const store: RosterStore = {
      printed: async () => '',
      users: async () => [],
      save: () => Promise.reject(new Error('the disk is full')),
    }
    const failing = new Rosters(store)
    failing.onChange((change) => changes.push(change))
    const edited = failing.edit([ALICE, BOB], () => new Map([[ALICE, new Map([[BOB, contact()]])]]))
    await assert.rejects(edited, { message: 'the disk is full' })
    assert.deepEqual(changes, [])
  })

  it('tell differences that turn the one into the other', () => {
    const roster = fc
      .dictionary(
        fc.constantFrom('a@h', 'b@h', 'c@h', 'd@h'),
        fc.record(
          { name: fc.constantFrom(null, 'x', 'y'), groups: fc.subarray(['g', 'h']) },
          { noNullPrototype: true },
        ),
      )
      .map((entries): Roster => new Map(Object.entries(entries)))
    fc.assert(
      fc.property(roster, roster, (before, after) => {
        const change = difference(ALICE, before, after)
        const turned = new Map(before)
        for (const gone of change?.removed ?? []) turned.delete(gone)
        for (const set of [...(change?.added ?? []), ...(change?.altered ?? [])])
          turned.set(set, after.get(set) ?? contact())
        assert.deepEqual(turned, new Map(after))
        assert(!change?.added.some((added) => before.has(added)))
        assert(!change?.altered.some((altered) => !before.has(altered)))
      }),
    )
  })
})

describe('a served roster', () => {
  const COMPONENT = { jid: 'presence.h', name: 'Presence' }
  const OWN = '"presence.h":{"name":"Presence","groups":{}}'
  const served: BareJid[] = []
  const failures: unknown[] = []

  function serving(
    printed: (user: BareJid) => Promise<string>,
    component: typeof COMPONENT | null = COMPONENT,
    hidden: string[] = [],
  ) {
    return new ServedRosters({
      sources: new Map([['h', { printed }]]),
      recentBytes: 10_000,
      component,
      hidden: () => (hidden.length > 0 ? new Set(hidden) : undefined),
      rostered: (user) => served.push(user),
      address: null,
      failed: (error) => failures.push(error),
    })
  }
  beforeEach(() => {
    served.length = 0
    failures.length = 0
  })

  it('has the component in front of her contacts, and makes her presence come', async () => {
    assert.equal(String(await serving(async () => '"bob@h":{"groups":{}}').of(ALICE)), `{${OWN},"bob@h":{"groups":{}}}`)
    assert.deepEqual(served, [ALICE])
  })

  it('is the component alone where she has no contacts, and where they cannot be read', async () => {
    assert.equal(String(await serving(async () => '').of(ALICE)), `{${OWN}}`)
    assert.equal(String(await serving(() => Promise.reject(new Error('damaged'))).of(ALICE)), `{${OWN}}`)
    assert.equal(failures.length, 1)
  })

  it('is hers alone where the component is not to be in it, and nobody is rostered by it', async () => {
    assert.equal(String(await serving(async () => '"bob@h":{"groups":{}}', null).of(ALICE)), '{"bob@h":{"groups":{}}}')
    assert.equal(String(await serving(async () => '', null).of(ALICE)), '{}')
    assert.deepEqual(served, [])
  })

  it('calls contacts as their own server does', async () => {
    const rosters = new ServedRosters({
      sources: new Map([['h', { printed: async () => '"bob@xn--bcher-kva.example":{"groups":{}}' }]]),
      recentBytes: 10_000,
      component: null,
      hidden: () => undefined,
      rostered: () => {},
      address: (contact) => contact.replace('xn--bcher-kva', 'bücher'),
      failed: (error) => failures.push(error),
    })
    assert.equal(String(await rosters.of(ALICE)), '{"bob@bücher.example":{"groups":{}}}')
  })

  it('makes nobody trusted by being looked at', async () => {
    await serving(async () => '').of(ALICE, false)
    assert.deepEqual(served, [])
  })

  it('leaves out who is hidden for the moment', async () => {
    const printed = async () => '"bob@h":{"groups":{}},"carol@h":{"name":"Caroline Ø ✓","groups":{}}'
    const without = String(await serving(printed, COMPONENT, ['bob@h']).of(ALICE))
    assert.equal(without, `{${OWN},"carol@h":{"name":"Caroline Ø ✓","groups":{}}}`)
    assert.equal(String(await serving(printed, COMPONENT, ['bob@h', 'carol@h']).of(ALICE)), `{${OWN}}`)
  })

  it('is read once, until its source tells of a change, also of one while it is read', async () => {
    const reads: ((printed: string) => void)[] = []
    const listeners: ((change: { user: BareJid }) => void)[] = []
    const rosters = new ServedRosters({
      sources: new Map([
        [
          'h',
          {
            printed: () => new Promise<string>((resolve) => reads.push(resolve)),
            onChange: (listener: (change: { user: BareJid }) => void) => void listeners.push(listener),
          },
        ],
      ]),
      recentBytes: 10_000,
      component: null,
      hidden: () => undefined,
      rostered: () => {},
      address: null,
      failed: (error) => failures.push(error),
    })
    const changed = () => {
      for (const listener of listeners) listener({ user: ALICE })
    }
    const first = rosters.of(ALICE)
    changed()
    reads.shift()?.('"old@h":{"groups":{}}')
    assert.equal(String(await first), '{"old@h":{"groups":{}}}')
    const second = rosters.of(ALICE)
    reads.shift()?.('"bob@h":{"groups":{}}')
    assert.equal(String(await second), '{"bob@h":{"groups":{}}}')
    for (let i = 0; i < 2; i++) assert.equal(String(rosters.of(ALICE)), '{"bob@h":{"groups":{}}}')
    changed()
    const third = rosters.of(ALICE)
    reads.shift()?.('')
    assert.equal(String(await third), '{}')
    assert.equal(String(rosters.of(ALICE)), '{}')
    assert.equal(reads.length, 0)
  })
})

describe('RecentRosters', () => {
  it('give what was set last, or nothing, and forget who was not asked for when they are full', () => {
    const user = fc.constantFrom(ALICE, BOB, jid('carol@h'), jid('dora@h'))
    const step = fc.oneof(
      fc.record({ user, text: fc.string({ maxLength: 400 }) }),
      fc.record({ user, text: fc.constantFrom(null, undefined) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const recent = new RecentRosters(1000)
        const last = new Map<BareJid, string>()
        for (const { user, text } of steps) {
          if (typeof text === 'string') {
            recent.set(user, Buffer.from(text))
            last.set(user, text)
            assert.equal(String(recent.get(user)), text)
          } else if (text === null) {
            recent.delete(user)
            last.delete(user)
          } else {
            const found = recent.get(user)
            if (found !== undefined) assert.equal(String(found), last.get(user))
          }
        }
      }),
    )
    const recent = new RecentRosters(1000)
    recent.set(ALICE, Buffer.alloc(700))
    recent.set(BOB, Buffer.alloc(700))
    assert(recent.get(ALICE))
    recent.set(BOB, Buffer.alloc(700))
    recent.set(jid('carol@h'), Buffer.alloc(700))
    assert.equal(recent.get(ALICE), undefined)
  })
})
