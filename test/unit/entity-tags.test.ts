import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { EntityTags } from '../../src/http/entity-tags.js'
import type { StatusFormat } from '../../src/http/status-url.js'
import type { Freshness, Show } from '../../src/presence/presence.js'

const name = fc.option(fc.string({ unit: 'grapheme', maxLength: 20 }))
const state = fc.record({
  name,
  show: fc.constantFrom<Show>('online', 'chat', 'away', 'xa', 'dnd', 'offline'),
  text: fc.option(fc.string({ unit: 'grapheme', maxLength: 30 })),
  since: fc.option(fc.integer({ min: 0, max: 2 ** 43 })),
  freshness: fc.constantFrom<Freshness>('live', 'stale'),
  format: fc.constantFrom<StatusFormat>('xml', 'json', 'txt'),
})
type State = typeof state extends fc.Arbitrary<infer T> ? T : never

describe('An entity tag', () => {
  const tags = new EntityTags(Buffer.from('0123456789abcdef'))
  const tagOf = ({ name, format, ...presence }: State, by = tags) => by.of(name, { jid: name, ...presence }, format)

  it('is the same for the same, and another for anything else, also with another key', () => {
    const others = new EntityTags(Buffer.from('0123456789abcdeF').reverse())
    fc.assert(
      fc.property(state, state, (one, other) => {
        const tag = tagOf(one)
        assert.match(tag, /^W\/"[\w-]{11}"$/)
        assert.equal(tagOf({ ...one }), tag)
        assert.notEqual(tagOf(one, others), tag)
        for (const key of Object.keys(one) as (keyof State)[]) {
          const mixed = { ...one, [key]: other[key] }
          assert.equal(tagOf(mixed) === tag, one[key] === other[key], `${key}: ${JSON.stringify([one, mixed])}`)
        }
      }),
    )
  })

  it('tells a time that is not known from every time', () => {
    const presence = { jid: null, show: 'offline', text: null, freshness: 'live' } as const
    const unknown = tags.of('a@b', { ...presence, since: null }, 'xml')
    for (let since = 0; since < 2 ** 17; since++)
      assert.notEqual(tags.of('a@b', { ...presence, since }, 'xml'), unknown)
  })

  it('is nobody else’s among 100,000 neighbours', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 1000; j++) {
        const jid = `user${i}@localhost`
        seen.add(tags.of(jid, { jid, show: 'away', text: null, since: 1.7e12 + j, freshness: 'live' }, 'xml'))
      }
    }
    assert.equal(seen.size, 100_000)
  })
})
