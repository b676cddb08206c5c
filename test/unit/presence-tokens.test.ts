import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPublicKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import type { AppId } from '../../src/apps/app.js'
import { PresenceTokens } from '../../src/apps/presence-tokens.js'
import { printedSnippet } from '../support/printed-snippet.js'
import { FakeClock } from './fake-clock.js'

const ISSUER = 'https://gateway.example'
// The first python3 of the PATH may be another, without the packages.
const DEBIANS_PYTHON = '/usr/bin/python3'
const APPID = `app_${'a'.repeat(24)}` as AppId

describe('PresenceTokens', () => {
  const clock = new FakeClock()
  const secret = randomBytes(32)
  const tokens = new PresenceTokens(ISSUER, secret, clock)
  const issue = (state: string | null = null) => tokens.issue({ appid: APPID, uid: 'UID1', state })
  const expected = { issuer: ISSUER, audience: APPID }

  it('say who may be seen, by whom, and until when', async () => {
    const keys = createLocalJWKSet(structuredClone(await tokens.jwks()) as never)
    const { payload, protectedHeader } = await jwtVerify(await issue('s'), keys, {
      ...expected,
      currentDate: new Date(clock.now()),
    })
    const iat = Math.floor(clock.now() / 1000)
    assert.deepEqual(payload, { iss: ISSUER, aud: APPID, sub: 'UID1', nonce: 's', iat, exp: iat + 300 })
    assert.equal(protectedHeader.alg, 'ES256')
    const { payload: plain } = await jwtVerify(await issue(), keys, { ...expected, currentDate: new Date(clock.now()) })
    assert.equal('nonce' in plain, false)
  })

  it('are refused by jose and jsonwebtoken for another app, of another gateway, and when they are old', async () => {
    const jwks = await tokens.jwks()
    const keys = createLocalJWKSet(structuredClone(jwks) as never)
    const key = createPublicKey({ key: jwks.keys[0] as never, format: 'jwk' })
    const token = await issue()
    const other = await new PresenceTokens(ISSUER, randomBytes(32), clock).issue({
      appid: APPID,
      uid: 'UID1',
      state: null,
    })
    const now = clock.now() / 1000
    const cases: [string, string, { issuer: string; audience: string }, number, boolean][] = [
      ['as it is', token, expected, now, true],
      ['just before it ends', token, expected, now + 299, true],
      ['another app', token, { ...expected, audience: 'app_b' }, now, false],
      ['another gateway', token, { ...expected, issuer: 'https://other.example' }, now, false],
      ['too late', token, expected, now + 301, false],
      ['another key', other, expected, now, false],
      ['another uid', forged(token), expected, now, false],
    ]
    for (const [what, text, claims, at, isGood] of cases) {
      const byJose = jwtVerify(text, keys, { ...claims, currentDate: new Date(at * 1000) })
      assert.equal(await byJose.then(() => true).catch(() => false), isGood, `jose: ${what}`)
      const options = { ...claims, algorithms: ['ES256' as const], clockTimestamp: at }
      const byOther = () => jsonwebtoken.verify(text, key, options)
      if (isGood) byOther()
      else assert.throws(byOther, /jwt|signature/, `jsonwebtoken: ${what}`)
    }
  })

  it('say the uid to PyJWT, used as it is printed, and only to the app and the browser that they are for', async () => {
    const server = createServer(async (_, response) => response.end(JSON.stringify(await issued.jwks())))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    // PyJWT has the time from the system.
    const issued = new PresenceTokens(url, secret, new FakeClock(Date.now()))
    const snippet = printedSnippet('uid.py', {
      'https://presence.example.org': url,
      app_KqoKbFBfXGBgmmJVQqH7RbGI: APPID,
    })
    const uidOf = async (token: string, state: string) => {
      const asked = `${snippet}\nimport sys\nprint(uid_of(sys.argv[1], sys.argv[2]))`
      return (await promisify(execFile)(DEBIANS_PYTHON, ['-c', asked, token, state])).stdout.trim()
    }
    try {
      const token = await issued.issue({ appid: APPID, uid: 'UID1', state: 's' })
      assert.equal(await uidOf(token, 's'), 'UID1')
      await assert.rejects(uidOf(token, 'another'), /this browser did not ask for it/)
      await assert.rejects(uidOf(forged(token), 's'), /InvalidSignatureError/)
      const foreign = await issued.issue({ appid: `app_${'b'.repeat(24)}` as AppId, uid: 'UID1', state: 's' })
      await assert.rejects(uidOf(foreign, 's'), /InvalidAudienceError/)
    } finally {
      server.close()
    }
  })

  it('have the same key after a restart, and no private part of it in public', async () => {
    const [key] = (await tokens.jwks()).keys
    const [again] = (await new PresenceTokens(ISSUER, secret, clock).jwks()).keys
    assert.deepEqual(again, key)
    assert.deepEqual(Object.keys(key ?? {}).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    assert.equal(decodeProtectedHeader(await issue()).kid, key?.kid)
  })

  it('can be made of any secret', async () => {
    for (const bytes of [
      Buffer.alloc(32),
      Buffer.alloc(32, 0xff),
      ...Array.from({ length: 50 }, () => randomBytes(32)),
    ]) {
      const made = new PresenceTokens(ISSUER, bytes, clock)
      const keys = createLocalJWKSet(structuredClone(await made.jwks()) as never)
      const token = await made.issue({ appid: APPID, uid: 'UID1', state: null })
      await jwtVerify(token, keys, { ...expected, currentDate: new Date(clock.now()) })
    }
  })
})

function forged(token: string): string {
  const [head, claims = '', signature] = token.split('.')
  const said = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), sub: 'UID2' }
  return [head, Buffer.from(JSON.stringify(said)).toString('base64url'), signature].join('.')
}
