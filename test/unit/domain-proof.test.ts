import assert from 'node:assert/strict'
import { proofFault } from '../../src/apps/domain-proof.js'
import { type OutboundAnswer, OutboundError } from '../../src/apps/outbound.js'

const KEY = 'k'.repeat(1024)
const TO_TLS: OutboundAnswer = {
  status: 301,
  headers: { location: 'https://app.example.org/__presence' },
  body: Buffer.from(''),
}

describe('The proof of a domain', () => {
  /** `answers`: by scheme; an error is thrown. */
  const fault = (domain: string, answers: Readonly<Record<string, OutboundAnswer | string>>) => {
    const get = async ({ protocol }: URL) => {
      const answer = answers[protocol] ?? ''
      if (typeof answer === 'string') throw new OutboundError(answer)
      return answer
    }
    const outbound = { get, check: async () => {}, isAllowedPrivate: async () => false, within: () => outbound }
    return proofFault(outbound, domain, KEY)
  }

  it('is asked for on port 80, which whoever has none hears', async () => {
    assert.equal(
      await fault('app.example.org', { 'http:': 'it refuses the connection' }),
      'http://app.example.org/__presence: it refuses the connection (port 80 must answer, or redirect to https)',
    )
  })

  it('is on the port that the domain names', async () => {
    const why = await fault('127.0.0.1:3000', { 'http:': 'it refuses the connection' })
    assert.equal(why, 'http://127.0.0.1:3000/__presence: it refuses the connection')
  })

  it('is looked for over https where http sends there, and failing there is told as that', async () => {
    assert.equal(
      await fault('app.example.org', { 'http:': TO_TLS, 'https:': 'it refuses the connection' }),
      'http://app.example.org/__presence: it redirects to https, and there it refuses the connection',
    )
  })
})
