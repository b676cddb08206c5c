import assert from 'node:assert/strict'
import { typedJid } from '../../src/http/pages/typed-jid.js'

const LIKE = 'that is no XMPP address. One looks like alice@example.org'

describe('A JID that somebody typed', () => {
  const table: readonly [typed: string, read: object][] = [
    ['alice@example.org', { jid: 'alice@example.org' }],
    [' alice@example.org\n', { jid: 'alice@example.org' }],
    ['xmpp:alice@example.org', { jid: 'alice@example.org' }],
    ['XMPP:alice@example.org?message;body=hi', { jid: 'alice@example.org' }],
    ['xmpp://me@example.net/alice@example.org', { jid: 'alice@example.org' }],
    ['alice@example.org/phone', { fault: 'leave out what follows the /' }],
    ['xmpp:alice@example.org/phone', { fault: 'leave out what follows the /' }],
    ['alice', { fault: LIKE }],
    ['https://example.org/alice', { fault: LIKE }],
    ['', { fault: LIKE }],
  ]
  for (const [typed, read] of table) {
    it(`is read: ${JSON.stringify(typed)}`, () => assert.deepEqual(typedJid(typed), read))
  }
})
