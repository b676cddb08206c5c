import type Router from '@koa/router'
import type { Context } from 'koa'
import type { SignIn } from '../../accounts/sign-in.js'
import type { SignInRequests } from '../../accounts/sign-in-requests.js'
import type { Domains } from '../../presence/domains.js'
import { HttpFault } from '../fault.js'
import { readJson } from '../read-body.js'
import type { Visitors } from '../visitors.js'

export interface SignInRouteParts {
  readonly requests: SignInRequests
  readonly signIn: SignIn
  readonly visitors: Visitors
  readonly domains: Domains
}

// A JID has at most 2,047 bytes; JSON may write each in six.
const MOST_BYTES = 16 * 1024

/** Signing in and out by `/api`. */
export function signInRoutes(router: Router, { requests, signIn, visitors, domains }: SignInRouteParts): void {
  /**
   * Scripts send no Origin, browsers always do where a page of another site sends JSON; and they ask before whether they may,
   * which nothing here allows. So no other site's page can begin a sign-in in somebody's browser, or end one there.
   */
  function checkSender(ctx: Context): void {
    const isScript = ctx.get('Origin') === '' && ctx.get('Sec-Fetch-Site') === '' && ctx.is('application/json')
    if (!isScript) visitors.checkOrigin(ctx)
  }

  router.post('/api/sign-in', async (ctx) => {
    checkSender(ctx)
    const { jid } = await objectIn(ctx)
    if (typeof jid !== 'string') throw new HttpFault(400, 101, 'jid: must be a JID such as "alice@example.org"')
    const begun = await requests.begin(jid, visitors.address(ctx))
    if (begun.kind === 'malformed') throw new HttpFault(400, 102, `${JSON.stringify(jid)} is not a user's JID`)
    if (begun.kind === 'link-down') {
      ctx.set('Retry-After', '30')
      throw new HttpFault(503, 152, 'the XMPP server cannot be reached just now: try again in a moment')
    }
    if (begun.kind === 'limited') {
      ctx.set('Retry-After', String(Math.max(1, Math.ceil(begun.retryAfterMs / 1000))))
      throw new HttpFault(429, 140, 'too many sign-ins were asked for: try again later')
    }
    visitors.beginSignIn(ctx, begun.secret)
    ctx.body = { id: begun.id, phrase: begun.phrase }
  })

  router.post('/api/sign-in/:id', async (ctx) => {
    checkSender(ctx)
    const { code = null } = await objectIn(ctx)
    if (code !== null && typeof code !== 'string') throw new HttpFault(400, 101, 'code: must be text, of six digits')
    const outcome = signIn.finish(ctx.params.id ?? '', visitors.signInSecret(ctx), code)
    switch (outcome.kind) {
      case 'waiting':
        ctx.status = 202
        ctx.body = { result: 'waiting' }
        return
      case 'wrong-code':
        throw new HttpFault(401, 110, `the code is wrong; tries left: ${outcome.triesLeft}`)
      case 'codes-refused':
        throw new HttpFault(429, 140, 'too many wrong codes today: use the link of the message, or confirm it by XMPP')
      case 'over':
        throw new HttpFault(404, 130, 'this sign-in is over, or another browser’s: begin again')
      case 'signed-in':
        await visitors.signIn(ctx, outcome.user)
        ctx.body = { result: 'OK', jid: domains.address(outcome.user) }
    }
  })

  router.post('/api/sign-out', async (ctx) => {
    visitors.checkOrigin(ctx)
    await visitors.signOut(ctx)
    ctx.body = { result: 'OK' }
  })
}

async function objectIn(ctx: Context): Promise<Record<string, unknown>> {
  const body = await readJson(ctx, MOST_BYTES)
  if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  throw new HttpFault(400, 101, 'the body must be an object')
}
