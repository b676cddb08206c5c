import assert from 'node:assert/strict'
import type { BareJid } from '../../src/presence/jid.js'
import { RosterLogins } from '../../src/xmpp/roster-logins.js'
import { FakeClock } from './fake-clock.js'

describe('RosterLogins', () => {
  it('probes whoever is not seen between half a second and a second after she was given her roster', () => {
    const clock = new FakeClock()
    const online = new Set<BareJid>()
    const probed: BareJid[] = []
    const logins = new RosterLogins({
      clock,
      isOnline: (user) => online.has(user),
      probe: (user) => probed.push(user),
    })
    const [early, late, seen] = ['early@localhost', 'late@localhost', 'seen@localhost'] as BareJid[] as [
      BareJid,
      BareJid,
      BareJid,
    ]
    logins.given(early)
    logins.given(seen)
    clock.pass(499)
    logins.given(late)
    online.add(seen)
    clock.pass(1)
    assert.deepEqual(probed, [])
    clock.pass(500)
    assert.deepEqual(probed, [early, late])
    assert.equal(clock.timers, 0)
    logins.given(early)
    logins.stop()
    assert.equal(clock.timers, 0)
  })

  it('looks at a crowd a thousand at a time', () => {
    const probed = new Set<string>()
    const turns: number[] = []
    class TurnsClock extends FakeClock {
      override after(ms: number, run: () => void) {
        return super.after(ms, () => {
          const before = probed.size
          run()
          turns.push(probed.size - before)
        })
      }
    }
    const clock = new TurnsClock()
    const logins = new RosterLogins({ clock, isOnline: () => false, probe: (user) => probed.add(user) })
    for (let i = 0; i < 2500; i++) logins.given(`user${i}@localhost` as BareJid)
    clock.pass(1000)
    assert.equal(probed.size, 2500)
    assert.equal(Math.max(...turns), 1000)
    assert.equal(clock.timers, 0)
  })
})
