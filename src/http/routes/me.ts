import type Router from '@koa/router'
import type { Context, Next } from 'koa'
import * as z from 'zod'
import type { Accounts } from '../../apps/accounts.js'
import { type App, SCOPES } from '../../apps/app.js'
import type { Grant } from '../../apps/grant.js'
import type { Grants } from '../../apps/grants.js'
import type { Clock } from '../../presence/clock.js'
import type { Domains } from '../../presence/domains.js'
import type { BareJid } from '../../presence/jid.js'
import { PUBLICATION_CHOICES } from '../../presence/publication.js'
import { HttpFault } from '../fault.js'
import { readAs } from '../read-body.js'
import { rfc3339 } from '../rfc3339.js'
import { STATUS_PATH } from '../status-endpoint.js'
import { publish, statusJson } from '../status-rendering.js'
import type { Visitors } from '../visitors.js'

export interface MeRouteParts {
  readonly accounts: Accounts
  readonly grants: Grants
  readonly visitors: Pick<Visitors, 'apiUser' | 'sent'>
  readonly domains: Domains
  readonly clock: Clock
  readonly publicUrl: string
}

const MOST_BYTES = 4096
const OK = { result: 'OK' } as const

const CHOICE = z.strictObject({ publish: z.enum(PUBLICATION_CHOICES) })
const CHANGE = z.strictObject({
  paused: z.boolean().exactOptional(),
  scope: z
    .string()
    .transform((text) => text.split(' ').filter(Boolean))
    .pipe(z.array(z.enum(SCOPES)))
    .exactOptional(),
})

/** What is kept of a user, and what she decides about it. */
export function meRoutes(
  router: Router,
  { accounts, grants, visitors, domains, clock, publicUrl }: MeRouteParts,
): void {
  async function signedIn(ctx: Context, next: Next): Promise<void> {
    ctx.set('Cache-Control', 'no-store')
    ctx.state.user = await visitors.apiUser(ctx)
    await next()
  }

  function printed(user: BareJid) {
    const { publish: choice, publishes, presence, hasLink } = accounts.of(user)
    const jid = domains.address(user)
    return {
      jid,
      publish: choice,
      publishes,
      status: statusJson(publish(jid, presence, 'details'), clock.now()),
      hasLink,
    }
  }

  router.get('/api/me', signedIn, (ctx) => {
    ctx.body = printed(ctx.state.user)
  })

  router.put('/api/me', signedIn, async (ctx) => {
    const { publish: choice } = await visitors.sent(ctx, readAs(CHOICE, ctx, MOST_BYTES))
    await accounts.publish(ctx.state.user, choice)
    ctx.body = printed(ctx.state.user)
  })

  router.delete('/api/me', signedIn, async (ctx) => {
    await accounts.delete(ctx.state.user)
    ctx.body = OK
  })

  router.get('/api/me/grants', signedIn, async (ctx) => {
    ctx.body = { grants: (await grants.of(ctx.state.user)).map(({ grant, app }) => printedGrant(grant, app)) }
  })

  router.patch('/api/me/grants/:appid', signedIn, async (ctx) => {
    const { user } = ctx.state
    const to = await visitors.sent(ctx, readAs(CHANGE, ctx, MOST_BYTES))
    const changed = await grants.change(user, ctx.params.appid ?? '', to)
    const found = changed && (await grants.of(user)).find(({ grant }) => grant.appid === changed.appid)
    if (!found) throw noGrant()
    ctx.body = printedGrant(found.grant, found.app)
  })

  router.delete('/api/me/grants/:appid', signedIn, async (ctx) => {
    if (!(await grants.revoke(ctx.state.user, ctx.params.appid ?? ''))) throw noGrant()
    ctx.body = OK
  })

  router.post('/api/me/link', signedIn, async (ctx) => {
    ctx.body = { link: `${publicUrl}${STATUS_PATH}/~${await accounts.renewLink(ctx.state.user)}` }
  })

  router.delete('/api/me/link', signedIn, async (ctx) => {
    await accounts.removeLink(ctx.state.user)
    ctx.body = OK
  })
}

function printedGrant({ uid, scope, paused, grantedAt }: Grant, { appid, name, domain }: App) {
  return { appid, name, domain, uid, scope: scope.join(' '), paused, grantedAt: rfc3339(grantedAt) }
}

const noGrant = () => new HttpFault(404, 130, 'you have let in no such app')
