import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import type { Scope } from '../../src/apps/app.js'
import { revokedUpdate, type Told, updateOf } from '../../src/delivery/update.js'
import { events, frames, lines, type Signal, type Wire } from '../../src/delivery/wire.js'
import type { Bytes } from '../../src/presence/bytes.js'
import { REPOSITORY } from '../support/repository.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')
const UID = `UID${'a'.repeat(22)}`
const CURSOR = 'b'.repeat(22)

describe('docs/asyncapi.yaml', () => {
  const document = parse(readFileSync(join(REPOSITORY, 'docs', 'asyncapi.yaml'), 'utf8'))

  /** The schema of that name, with what it refers to. */
  function schema(name: string) {
    const definitions = JSON.parse(
      JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/$defs/'),
    )
    return z.fromJSONSchema({ ...definitions[name], $defs: definitions })
  }

  const presence = { show: 'xa', text: '"so" 😀', since: 1 } as const
  const nothing = { show: 'unknown', text: null, since: null } as const
  const scopes: Scope[][] = [['status'], ['status', 'details'], ['status', 'address'], ['status', 'details', 'address']]
  const updates = [
    ...scopes.flatMap((scope) =>
      [presence, nothing].map((each) =>
        updateOf(
          { user: ALICE, appid: 'app_a' as never, uid: UID, scope, paused: false, grantedAt: 0, changedIn: 0 },
          each,
          () => ALICE,
        ),
      ),
    ),
    revokedUpdate(UID),
  ]
  const told: Told[] = updates.map((update) => ({ update, position: 1, cursor: CURSOR }))
  const SIGNALS: Record<string, Signal> = {
    Ready: { ready: true, cursor: CURSOR },
    Reset: { reset: true },
    Freshness: { freshness: 'stale' },
    Reconnect: { reconnect: 5 },
    Fault: { result: 'KO', errno: 131, error: 'a newer stream' },
  }
  const WIRES: [Wire, string][] = [
    [frames, 'SocketUpdates'],
    [lines, 'LineUpdates'],
    [events, 'LineUpdates'],
  ]
  /** Without what frames it. */
  const said = (chunk: Bytes) => {
    const text = Buffer.from(chunk, 'latin1')
      .toString()
      .replace(/^[\s\S]*?data: /, '')
    return JSON.parse(text.slice(text.search(/[[{]/)))
  }

  for (const [wire, name] of WIRES) {
    it(`describes all that is written as ${wire.transport}, and nothing besides`, () => {
      for (const chunk of [wire.snapshot([]), wire.snapshot(updates), wire.told(told)]) schema(name).parse(said(chunk))
      for (const [signal, value] of Object.entries(SIGNALS)) {
        schema(signal).parse(said(wire.signal(value)))
        for (const other of Object.keys(SIGNALS)) {
          if (other !== signal) assert.throws(() => schema(other).parse(value), `${signal} is no ${other}`)
        }
      }
    })
  }

  it('refers to nothing that it has not', () => {
    for (const [, path = ''] of JSON.stringify(document).matchAll(/"#\/([^"]+)"/g)) {
      const found = path
        .split('/')
        .reduce<Record<string, unknown> | undefined>((part, key) => part?.[key] as typeof part, document)
      assert(found, path)
    }
  })
})
