import assert from 'node:assert/strict'
import type { Element } from '@xmpp/component'
import { SignInMessages } from '../../src/xmpp/sign-in-messages.js'
import { FakeClock } from './fake-clock.js'
import { readStanza } from './read-xml.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')
const MESSAGE = {
  code: '004711',
  confirmId: 'brave-otter-abc',
  linkToken: 'LINK',
  phrase: 'brave otter',
  address: '2001:db8::1',
  at: Date.parse('2026-03-01T12:34:56.000Z'),
}
const NS = 'http://jabber.org/protocol/http-auth'
const URL = 'https://presence.example.org/sign-in'

describe('The message that asks who signs in', () => {
  const sent: Element[] = []
  const heard: unknown[][] = []
  const clock = new FakeClock()
  const messages = new SignInMessages({ send: (stanza) => void sent.push(stanza) }, clock, {
    publicUrl: 'https://presence.example.org',
    mayReach: (user) => user === ALICE,
    address: (user) => user.replace('@h', '@H'),
    self: jid('robot@h'),
  })
  const signIn = { confirmed: (...all: unknown[]) => void heard.push(all) }

  beforeEach(() => {
    sent.length = 0
    heard.length = 0
  })

  it('says to the bare JID what she needs to know, with the code on a line of its own', () => {
    messages.send(ALICE, MESSAGE)
    assert.deepEqual(sent, [])
    clock.pass(0)
    const message = readStanza(String(sent[0]))
    assert.deepEqual({ ...message.attrs }, { to: 'alice@H', type: 'normal' })
    const body = message.child('body')?.text ?? ''
    assert.ok(body.split('\n').includes('004711'), body)
    assert.ok(body.split('\n').includes('https://presence.example.org/sign-in/link/LINK'), body)
    for (const text of ['brave otter', '2001:db8::1', '2026-03-01 at 12:34 UTC', 'If it was not you']) {
      assert.ok(body.includes(text), body)
    }
    assert.equal(message.child('thread')?.text, 'brave-otter-abc')
    const confirm = message.child('confirm', NS)
    assert.deepEqual({ ...confirm?.attrs }, { xmlns: NS, id: 'brave-otter-abc', method: 'GET', url: URL })
  })

  it('is not sent to whom nothing may be sent', () => {
    messages.send(jid('bob@h'), MESSAGE)
    clock.pass(0)
    assert.deepEqual(sent, [])
  })

  function reply({
    from = 'alice@h/phone',
    type = '',
    thread = '<thread>brave-otter-abc</thread>',
    confirm = `<confirm xmlns='${NS}' id='brave-otter-abc' method='GET' url='${URL}'/>`,
    more = '',
  } = {}): boolean {
    const attributes = `${from && ` from='${from}'`}${type && ` type='${type}'`}`
    return messages.heard(readStanza(`<message${attributes}>${thread}${confirm}${more}</message>`), signIn)
  }

  it('is confirmed and refused by replies as XEP-0070 has them, of any resource', () => {
    const error = "<error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    for (const said of [{}, { type: 'normal' }, { type: 'chat', from: 'ALICE@h/tablet' }]) assert.ok(reply(said))
    assert.ok(reply({ type: 'error', more: error }))
    const yes = ['brave-otter-abc', ALICE, true]
    assert.deepEqual(heard, [yes, yes, yes, ['brave-otter-abc', ALICE, false]])
  })

  it('is not refused by a server that returns it: nobody learns from that who does not exist', () => {
    const error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    assert.ok(reply({ type: 'error', from: 'alice@h', more: error }))
    assert.deepEqual(heard, [])
  })

  for (const [what, said] of [
    ['without a sender', { from: '' }],
    ['of a server', { from: 'h' }],
    ['of a malformed sender', { from: 'a@b@h/r' }],
    ['of our own account, which hears what it sends itself', { from: 'Robot@h/gateway' }],
    ['of a room', { type: 'groupchat' }],
    ['as a headline', { type: 'headline' }],
    ['without a thread', { thread: '' }],
    ['of another thread', { thread: '<thread>other</thread>' }],
    ['without an id', { confirm: `<confirm xmlns='${NS}' method='GET' url='${URL}'/>` }],
    ['with another method', { confirm: `<confirm xmlns='${NS}' id='brave-otter-abc' method='POST' url='${URL}'/>` }],
    ['with another URL', { confirm: `<confirm xmlns='${NS}' id='brave-otter-abc' method='GET' url='${URL}/'/>` }],
  ] as const) {
    it(`is not answered by a reply ${what}`, () => {
      assert.ok(reply(said))
      assert.deepEqual(heard, [])
    })
  }

  it('is not answered by text, by a confirm of another namespace, or by one that was forwarded', () => {
    const forwarded = `<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@h/x'><thread>brave-otter-abc</thread><confirm xmlns='${NS}' id='brave-otter-abc' method='GET' url='${URL}'/></message></forwarded></sent>`
    for (const confirm of ['<body>OK</body>', "<confirm id='brave-otter-abc'/>", forwarded]) {
      assert.equal(reply({ confirm }), false)
    }
    assert.deepEqual(heard, [])
  })
})
