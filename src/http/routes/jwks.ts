import type Router from '@koa/router'
import type { PresenceTokens } from '../../apps/presence-tokens.js'

const PATH = '/.well-known/jwks.json'

/** The key by which apps verify presence tokens: for anybody, pages too. */
export function jwksRoute(router: Router, tokens: Pick<PresenceTokens, 'jwks'>): void {
  router.get(PATH, async (ctx) => {
    ctx.set('Access-Control-Allow-Origin', '*')
    ctx.set('Cache-Control', 'public, max-age=3600')
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.type = 'application/jwk-set+json'
    ctx.body = JSON.stringify(await tokens.jwks())
  })
}
