import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { SignIn, type SignInMessage } from '../../src/accounts/sign-in.js'
import { FakeClock } from './fake-clock.js'
import { jid } from './users.js'

const ALICE = jid('alice@h')
const BOB = jid('bob@h')
const ADDRESS = '192.0.2.1'
const MINUTE = 60_000
const OVER = { kind: 'over' }
const WAITING = { kind: 'waiting' }
const SIGNED_IN = { kind: 'signed-in', user: ALICE }

describe('A sign-in', () => {
  let clock: FakeClock
  let sent: { user: string; message: SignInMessage }[]
  let signIn: SignIn
  beforeEach(() => {
    clock = new FakeClock()
    sent = []
    signIn = new SignIn({ send: (user, message) => void sent.push({ user, message }) }, clock, randomBytes)
  })

  function begin(user = ALICE, address = ADDRESS) {
    const begun = signIn.begin(user, address)
    const { message } = sent.at(-1) ?? {}
    assert(message)
    const wrong = message.code === '000000' ? '000001' : '000000'
    return { ...begun, ...message, wrong, finish: (code: string | null) => signIn.finish(begun.id, begun.secret, code) }
  }

  it('sends that user one message: a code, a link, what to confirm, and the phrase that the page shows', () => {
    const { id, phrase, secret } = signIn.begin(ALICE, ADDRESS)
    assert.match(id, /^sgn_[\w-]{24}$/)
    assert.match(secret, /^[\w-]{43}$/)
    assert.equal(sent.length, 1)
    const [{ user, message } = assert.fail()] = sent
    assert.equal(user, ALICE)
    assert.match(message.code, /^\d{6}$/)
    assert.match(message.linkToken, /^[\w-]{43}$/)
    assert.match(phrase, /^[a-z]+ [a-z]+$/)
    assert.ok(message.confirmId.startsWith(`${phrase.replace(' ', '-')}-`))
    assert.deepEqual([message.phrase, message.address, message.at], [phrase, ADDRESS, clock.now()])
    assert.deepEqual(new Set([id, secret, message.linkToken, message.confirmId]).size, 4)
  })

  it('waits, and signs in by the code, once', () => {
    const { id, secret, code, finish } = begin()
    assert.equal(signIn.pending(id, secret)?.user, ALICE)
    assert.deepEqual(finish(null), WAITING)
    assert.deepEqual(finish(` ${code.slice(0, 3)} ${code.slice(3)}\n`), SIGNED_IN)
    assert.deepEqual(finish(code), OVER)
    assert.equal(signIn.pending(id, secret), null)
  })

  it('signs in by her confirmation, once, the browser that began', () => {
    const { confirmId, finish } = begin()
    signIn.confirmed(confirmId, ALICE, true)
    signIn.confirmed(confirmId, ALICE, true)
    assert.deepEqual(finish(null), SIGNED_IN)
    signIn.confirmed(confirmId, ALICE, true)
    assert.deepEqual(finish(null), OVER)
  })

  it('is over once she refuses, though she confirmed before', () => {
    for (const before of [false, true]) {
      const { confirmId, code, linkToken, finish } = begin()
      if (before) signIn.confirmed(confirmId, ALICE, true)
      signIn.confirmed(confirmId, ALICE, false)
      assert.deepEqual([finish(null), finish(code), signIn.useLink(linkToken)], [OVER, OVER, null])
    }
  })

  it('takes no confirmation and no refusal from anybody else, or of another id', () => {
    const { confirmId, id, linkToken, finish } = begin()
    for (const allowed of [true, false]) {
      signIn.confirmed(confirmId, BOB, allowed)
      for (const other of [id, linkToken, '', `${confirmId} `]) signIn.confirmed(other, ALICE, allowed)
    }
    assert.deepEqual(finish(null), WAITING)
  })

  it('is nobody’s who has not the secret of the browser that began', () => {
    const { id, code, secret, confirmId } = begin()
    const other = begin(BOB)
    signIn.confirmed(confirmId, ALICE, true)
    for (const stolen of ['', other.secret, `${secret}x`, secret.slice(1), 'ü']) {
      assert.deepEqual(signIn.finish(id, stolen, code), OVER)
      assert.deepEqual(signIn.finish(id, stolen, null), OVER)
      assert.equal(signIn.pending(id, stolen), null)
    }
    assert.deepEqual(signIn.finish(id, secret, code), SIGNED_IN)
  })

  it('is over with the fifth wrong code', () => {
    const { wrong, code, linkToken, confirmId, finish } = begin()
    for (const triesLeft of [4, 3, 2, 1]) assert.deepEqual(finish(wrong), { kind: 'wrong-code', triesLeft })
    assert.deepEqual(finish(wrong), OVER)
    signIn.confirmed(confirmId, ALICE, true)
    assert.deepEqual([finish(code), finish(null), signIn.useLink(linkToken)], [OVER, OVER, null])
  })

  it('takes for no try what is no code at all', () => {
    const { code, finish } = begin()
    for (const text of ['', '12345', '1234567', 'abcdef', '１２３４５６', `${code}\0`, '9'.repeat(100_000)]) {
      assert.deepEqual(finish(text), { kind: 'wrong-code', triesLeft: 5 })
    }
    assert.deepEqual(finish(code), SIGNED_IN)
  })

  it('is over after ten minutes', () => {
    const one = begin()
    clock.pass(10 * MINUTE - 1)
    assert.deepEqual(one.finish(null), WAITING)
    assert.equal(signIn.linked(one.linkToken)?.phrase, one.phrase)
    clock.pass(1)
    signIn.confirmed(one.confirmId, ALICE, true)
    assert.deepEqual([one.finish(null), one.finish(one.code), signIn.useLink(one.linkToken)], [OVER, OVER, null])
    assert.equal(signIn.linked(one.linkToken), null)
  })

  it('is looked at by whoever has the link, and used once; the page that waits learns that it is over', () => {
    const { linkToken, phrase, at, code, finish } = begin()
    for (let i = 0; i < 3; i++) {
      const { user, phrase: words, address, at: when } = signIn.linked(linkToken) ?? assert.fail()
      assert.deepEqual([user, words, address, when], [ALICE, phrase, ADDRESS, at])
    }
    assert.deepEqual(finish(null), WAITING)
    assert.equal(signIn.useLink(linkToken), ALICE)
    assert.equal(signIn.useLink(linkToken), null)
    assert.equal(signIn.linked(linkToken), null)
    assert.deepEqual([finish(null), finish(code)], [OVER, OVER])
  })

  it('goes on beside newer ones of the same user, up to five', () => {
    const all = Array.from({ length: 5 }, () => {
      clock.pass(MINUTE)
      return begin()
    })
    assert.equal(signIn.fullFor(ALICE), 6 * MINUTE)
    assert.throws(() => signIn.begin(ALICE, ADDRESS), /too many/)
    assert.equal(signIn.fullFor(BOB), null)
    for (const { finish, code } of all) assert.deepEqual(finish(code), SIGNED_IN)
    assert.equal(signIn.fullFor(ALICE), null)
  })

  it('is one of ten thousand at most: one more ends the oldest of the site that began most', () => {
    const stranger = begin(BOB, '198.51.100.9')
    const others = Array.from({ length: 9999 }, (_, i) => begin(jid(`u${i}@h`), `2001:db8:0:${i.toString(16)}::1`))
    for (let i = 0; i < 20; i++) begin(jid(`v${i}@h`), `203.0.${i}.1`)
    assert.deepEqual(
      others.map(({ finish }) => finish(null).kind === 'waiting'),
      others.map((_, i) => i >= 20),
    )
    assert.equal(stranger.finish(stranger.code).kind, 'signed-in')
  })

  it('looks at no code after thirty wrong ones for one user in a day, from wherever; link and confirmation go on', () => {
    const guess = (n: number) => {
      const one = begin(ALICE, `192.0.${n}.1`)
      for (let i = 0; i < 5; i++) one.finish(one.wrong)
    }
    for (let n = 0; n < 6; n++) guess(n)
    const REFUSED = { kind: 'codes-refused' }
    const one = begin(ALICE, '198.51.100.1')
    for (const code of [one.wrong, one.code, '', one.code]) assert.deepEqual(one.finish(code), REFUSED)
    assert.deepEqual(one.finish(null), WAITING)
    signIn.confirmed(one.confirmId, ALICE, true)
    assert.deepEqual(one.finish(null), SIGNED_IN)
    assert.equal(signIn.useLink(begin().linkToken), ALICE)
    const bobs = begin(BOB)
    assert.deepEqual(bobs.finish(bobs.code), { kind: 'signed-in', user: BOB })
    clock.pass(24 * 60 * MINUTE)
    const next = begin()
    assert.deepEqual(next.finish(next.code), SIGNED_IN)
  })

  it('looks at no code after fifty wrong ones of one site in a day, for whomever', () => {
    for (let n = 0; n < 10; n++) {
      const one = begin(jid(`u${n}@h`), `192.0.2.${n}`)
      for (let i = 0; i < 5; i++) one.finish(one.wrong)
    }
    const one = begin(ALICE, '192.0.2.99')
    assert.deepEqual(one.finish(one.code), { kind: 'codes-refused' })
    const elsewhere = begin(ALICE, '192.0.3.99')
    assert.deepEqual(elsewhere.finish(elsewhere.code), SIGNED_IN)
  })

  it('has any code as often as any other', () => {
    const first = new Map<string, number>()
    for (let i = 0; i < 9000; i++) {
      const { code } = begin(jid(`u${i}@h`))
      first.set(code.slice(0, 1), (first.get(code.slice(0, 1)) ?? 0) + 1)
    }
    assert.equal(first.size, 10)
    // Five sigma and more.
    for (const times of first.values()) assert.ok(Math.abs(times - 900) < 200, String(times))
  })
})
