import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { SignIn, type SignInMessage } from '../../src/accounts/sign-in.js'
import type { BareJid } from '../../src/presence/jid.js'
import { FakeClock } from './fake-clock.js'
import { jid } from './users.js'

const USERS = [jid('alice@h'), jid('bob@h')]

interface Begun extends SignInMessage {
  readonly user: BareJid
  readonly id: string
  readonly secret: string
  readonly began: number
  tries: number
  isConfirmed: boolean
  isRefused: boolean
  isUsed: boolean
}

/** `of`, `secretOf`: which of those that began. */
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('begin' as const), user: fc.nat(1) }),
    fc.record({
      do: fc.constant('finish' as const),
      of: fc.nat(7),
      secretOf: fc.option(fc.nat(7)),
      codeOf: fc.option(fc.nat(7)),
      isWrong: fc.boolean(),
    }),
    fc.record({ do: fc.constant('confirm' as const), of: fc.nat(7), user: fc.nat(1), allowed: fc.boolean() }),
    fc.record({ do: fc.constant('look' as const), of: fc.nat(7) }),
    fc.record({ do: fc.constant('link' as const), of: fc.nat(7) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400_000 }) }),
  ),
  { maxLength: 60 },
)

describe('Sign-ins, however they interleave', () => {
  it('sign in the user that was sent the message, once each, within ten minutes and five tries', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const clock = new FakeClock()
        const sent: SignInMessage[] = []
        const messenger = {
          send: (_: BareJid, message: SignInMessage) => void sent.push(message),
        }
        const signIn = new SignIn(messenger, clock, randomBytes)
        const begun: Begun[] = []
        const wrong = new Map<BareJid, number>()
        let wrongOfAll = 0
        const at = (index: number) => begun[index % begun.length]
        const lives = ({ began, tries, isRefused, isUsed }: Begun) =>
          clock.now() - began < 600_000 && tries < 5 && !isRefused && !isUsed

        for (const step of taken) {
          if (step.do === 'wait') {
            clock.pass(step.ms)
            continue
          }
          if (step.do === 'begin') {
            const user = USERS[step.user] ?? assert.fail()
            if (signIn.fullFor(user) !== null) {
              assert.equal(begun.filter((one) => one.user === user && lives(one)).length, 5)
              continue
            }
            const { id, secret } = signIn.begin(user, '::1')
            const state = { tries: 0, isConfirmed: false, isRefused: false, isUsed: false }
            begun.push({ ...(sent.at(-1) ?? assert.fail()), user, id, secret, began: clock.now(), ...state })
            continue
          }
          const one = at(step.of)
          if (!one) continue
          const lived = lives(one)
          if (step.do === 'confirm') {
            const user = USERS[step.user] ?? assert.fail()
            signIn.confirmed(one.confirmId, user, step.allowed)
            if (!lived || user !== one.user) continue
            if (step.allowed) one.isConfirmed = true
            else one.isRefused = true
          } else if (step.do === 'look') {
            assert.equal(signIn.linked(one.linkToken)?.user ?? null, lived ? one.user : null)
          } else if (step.do === 'link') {
            assert.equal(signIn.useLink(one.linkToken), lived ? one.user : null)
            if (lived) one.isUsed = true
          } else {
            const { secret } = (step.secretOf === null ? null : at(step.secretOf)) ?? one
            const from = step.codeOf === null ? null : at(step.codeOf)
            const other = one.code === '123456' ? '654321' : '123456'
            const code = from ? (step.isWrong ? other : from.code) : null
            const outcome = signIn.finish(one.id, secret, code)
            if (!lived || secret !== one.secret) {
              assert.deepEqual(outcome, { kind: 'over' })
              continue
            }
            if (code !== null && ((wrong.get(one.user) ?? 0) >= 30 || wrongOfAll >= 50)) {
              assert.deepEqual(outcome, { kind: 'codes-refused' })
              continue
            }
            if (code === null ? one.isConfirmed : code === one.code) {
              assert.deepEqual(outcome, { kind: 'signed-in', user: one.user })
              one.isUsed = true
            } else if (code === null) {
              assert.deepEqual(outcome, { kind: 'waiting' })
            } else {
              one.tries++
              wrongOfAll++
              wrong.set(one.user, (wrong.get(one.user) ?? 0) + 1)
              assert.deepEqual(
                outcome,
                one.tries === 5 ? { kind: 'over' } : { kind: 'wrong-code', triesLeft: 5 - one.tries },
              )
            }
          }
        }
      }),
      { numRuns: Number(process.env.SIGN_IN_RUNS ?? 2000) },
    )
  })
})
