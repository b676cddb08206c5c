import assert from 'node:assert/strict'
import type { Context } from 'koa'
import { loopbackUrl } from '../../src/http/pages/loopback-url.js'

describe('A page by another name of this machine', () => {
  const asked = (host: string, { method = 'GET', forwarded = '' } = {}) =>
    ({ method, host, url: '/account?a=1', get: () => forwarded }) as unknown as Context

  it('is at the public URL', () => {
    const there = 'http://localhost:8080/account?a=1'
    assert.equal(loopbackUrl(asked('127.0.0.1:8080'), 'http://localhost:8080'), there)
    assert.equal(loopbackUrl(asked('[::1]:8080'), 'http://localhost:8080'), there)
    assert.equal(loopbackUrl(asked('localhost'), 'http://127.0.0.1'), 'http://127.0.0.1/account?a=1')
  })

  const stays: readonly [why: string, Context, publicUrl: string][] = [
    ['the name is right', asked('localhost:8080'), 'http://localhost:8080'],
    ['the port is another', asked('127.0.0.1:8081'), 'http://localhost:8080'],
    ['the public URL is none of this machine', asked('127.0.0.1'), 'http://presence.example.org'],
    ['it is TLS', asked('127.0.0.1'), 'https://localhost'],
    ['it is asked for by another name', asked('evil.example:8080'), 'http://localhost:8080'],
    ['there is no name', asked(''), 'http://localhost:8080'],
    ['a form is sent', asked('127.0.0.1:8080', { method: 'POST' }), 'http://localhost:8080'],
    ['a web server is in front', asked('127.0.0.1:8080', { forwarded: '192.0.2.1' }), 'http://localhost:8080'],
  ]
  for (const [why, ctx, publicUrl] of stays) {
    it(`stays where it is: ${why}`, () => assert.equal(loopbackUrl(ctx, publicUrl), null))
  }
})
