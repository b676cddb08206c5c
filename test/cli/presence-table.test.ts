import assert from 'node:assert/strict'
import { PresenceTable } from '../../src/cli/presence-table.js'
import type { WatchedUser } from '../../src/gateway/gateway-control.js'

const NOW = Date.parse('2026-01-02T03:04:05Z')
const SIZE = { columns: 60, rows: 6 }

function user(jid: string, fields: Partial<WatchedUser> = {}): WatchedUser {
  return { jid, show: 'online', text: null, since: NOW - 90_000, freshness: 'live', ...fields }
}

const ESCAPE = '\x1b'
const SEQUENCE = new RegExp(`${ESCAPE}\\[[\\d;?]*[A-Za-z]`, 'g')

/** The lines as they stand, without the sequences that place them. */
function lines(drawn: string): string[] {
  return drawn.replace(SEQUENCE, ' ').split('\r\n')
}

describe('the presence table', () => {
  it('shows who is there first, then by name', () => {
    const table = new PresenceTable()
    table.take(user('zoe@x'))
    table.take(user('adam@x', { show: 'offline' }))
    table.take(user('bob@x', { show: 'away', text: 'lunch' }))
    table.take(user('amy@x', { show: 'chat' }))
    const [title = '', , ...rows] = lines(table.draw({ columns: 80, rows: 10 }, null, NOW))
    assert.equal(title.trim(), '1 chat, 1 online, 1 away, 1 offline')
    assert.deepEqual(
      rows.map((row) => row.trim().split(/\s+/)[0]),
      ['amy@x', 'zoe@x', 'bob@x', 'adam@x'],
    )
    assert.match(rows[2] ?? '', /bob@x +away +1 min 30 s +lunch/)
  })

  it('counts what does not fit, and never draws a line too many', () => {
    const table = new PresenceTable()
    for (let i = 0; i < 1000; i++) table.take(user(`user${String(i).padStart(4, '0')}@x`))
    const drawn = lines(table.draw(SIZE, null, NOW))
    assert.equal(drawn.length, SIZE.rows)
    assert.match(drawn.at(-1) ?? '', /^997 more/)
    assert.match(drawn[2] ?? '', /user0000@x/)
    for (let rows = 1; rows < 6; rows++) assert.ok(lines(table.draw({ columns: 1, rows }, null, NOW)).length <= rows)
  })

  it('forgets who is gone, and moves who changes', () => {
    const table = new PresenceTable()
    table.take(user('amy@x'))
    table.take(user('bob@x'))
    table.take(user('amy@x', { show: 'offline' }))
    table.take({ jid: 'bob@x', gone: true })
    table.take({ jid: 'nobody@x', gone: true })
    const drawn = table.draw(SIZE, null, NOW)
    assert.match(drawn, /1 offline/)
    assert.doesNotMatch(drawn, /bob/)
  })

  it('lets nothing of a text or a JID reach the terminal', () => {
    const table = new PresenceTable()
    table.take(user('\x1b[2Jevil@x', { text: '\x1b]0;title\x07\r\n\u009b31m\x1b[1000B' }))
    const drawn = table.draw({ columns: 200, rows: 6 }, '\x1b[5mnotice', NOW)
    const known = new Set(['H', 'J', 'K', 'm', 'G'])
    for (const [sequence] of drawn.matchAll(SEQUENCE)) assert.ok(known.has(sequence.at(-1) ?? ''), sequence)
    for (const obeyed of ['\x1b[2J', '\x1b[1000B', '\x1b[5m', '\x07', '\u009b', '\x1b]'])
      assert.ok(!drawn.includes(obeyed))
    assert.equal(drawn.split('\r\n').length, 3)
  })

  it('puts each column where it belongs, whatever stands before it', () => {
    const table = new PresenceTable()
    table.take(user('你好你好你好@example.org', { text: '👩‍👩‍👧 family' }))
    table.take(user('plain@example.org', { text: 'x' }))
    const drawn = table.draw({ columns: 80, rows: 6 }, null, NOW).split('\r\n').slice(2)
    const columns = drawn.map((line) => [...line.matchAll(/\[(\d+)G/g)].map(([, column]) => column))
    assert.equal(columns[0]?.length, 3)
    assert.deepEqual(columns[0], columns[1])
  })

  it('marks what is only the last that was known', () => {
    const table = new PresenceTable()
    table.take(user('amy@x', { show: 'dnd', freshness: 'stale' }))
    assert.match(table.draw(SIZE, null, NOW), /dnd\?/)
  })

  it('draws a hundred thousand users in a moment', () => {
    const table = new PresenceTable()
    for (let i = 0; i < 100_000; i++) table.take(user(`user${(i * 7919) % 100_000}@x`))
    const began = performance.now()
    table.draw({ columns: 120, rows: 50 }, null, NOW)
    assert.ok(performance.now() - began < 500)
  })
})
