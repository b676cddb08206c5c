import assert from 'node:assert/strict'
import { Scram, type ScramMechanism } from '../../src/xmpp/scram.js'

interface Exchange {
  readonly nonce: string
  readonly challenge: string
  readonly answer: string
  readonly final: string
}

// The examples of RFC 5802 §5 and RFC 7677 §3.
const EXAMPLES: Readonly<Record<ScramMechanism, Exchange>> = {
  'SCRAM-SHA-1': {
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    answer: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    final: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  'SCRAM-SHA-256': {
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    answer:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    final: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
}

describe('Scram', () => {
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const) {
    const { nonce, challenge, answer, final } = EXAMPLES[mechanism]

    it(`says what the example of ${mechanism} says`, async () => {
      const scram = new Scram(mechanism, 'user', 'pencil', nonce)
      assert.equal(scram.first(), `n,,n=user,r=${nonce}`)
      assert.equal(await scram.answer(challenge), answer)
      assert(scram.proves(final))
    })
  }

  const { nonce, challenge } = EXAMPLES['SCRAM-SHA-1']
  const begun = () => new Scram('SCRAM-SHA-1', 'user', 'pencil', nonce)

  it('believes no server that does not know the password, or says nothing', async () => {
    const scram = begun()
    assert(!scram.proves('v='))
    await scram.answer(challenge)
    for (const final of ['', 'v=', 'v=AAAA', 'e=other-error', `v=${'A'.repeat(27)}=`])
      assert(!scram.proves(final), final)
  })

  const refused: [string, string][] = [
    ['another nonce', challenge.replace('fyko', 'fykx')],
    ['no nonce of its own', challenge.replace('3rfcNHYJY1ZVvWVs7j', '')],
    ['no salt', challenge.replace(/s=[^,]+/, 's=')],
    ['an extension that must be understood', `m=x,${challenge}`],
    ['too few rounds', challenge.replace('4096', '1')],
    ['a billion rounds', challenge.replace('4096', '1000000000')],
    ['rounds that are no number', challenge.replace('4096', '4096e9x')],
    ['nothing', ''],
  ]
  for (const [what, bytes] of refused) {
    it(`refuses a challenge with ${what}`, () => assert.rejects(begun().answer(bytes), Error))
  }

  it('escapes what would end a name', () => {
    assert.equal(new Scram('SCRAM-SHA-1', 'a=b,c', '', 'n').first(), 'n,,n=a=3Db=2Cc,r=n')
  })
})
