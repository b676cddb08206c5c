import type Router from '@koa/router'
import * as z from 'zod'
import type { App } from '../../apps/app.js'
import type { Apps } from '../../apps/apps.js'
import type { Webhooks } from '../../delivery/webhooks.js'
import type { Domains } from '../../presence/domains.js'
import { type BareJid, parseUserInput } from '../../presence/jid.js'
import { HttpFault } from '../fault.js'
import { readAs } from '../read-body.js'
import { rfc3339 } from '../rfc3339.js'
import type { Visitors } from '../visitors.js'
import { membersApp } from './members-app.js'
import { webhookState } from './webhooks.js'

export interface AppRouteParts {
  readonly apps: Apps
  readonly webhooks: () => Pick<Webhooks, 'stateOf'>
  readonly visitors: Pick<Visitors, 'apiUser' | 'sent'>
  readonly publicUrl: string
  readonly domains: Domains
}

const MOST_BYTES = 64 * 1024
const OK = { result: 'OK' } as const

const REGISTERED = z.strictObject({
  domain: z.string(),
  name: z.string().exactOptional(),
  description: z.string().exactOptional(),
})
const EDITED = z.strictObject({
  name: z.string().exactOptional(),
  description: z.string().exactOptional(),
  hosts: z.array(z.string()).exactOptional(),
})
const MEMBER = z.strictObject({ jid: z.string() })

/** What members do with their apps. */
export function appRoutes(router: Router, { apps, webhooks, visitors, publicUrl, domains }: AppRouteParts): void {
  const { signedIn, appOf } = membersApp(apps, visitors)
  /** As their own servers write them. */
  const addresses = (members: readonly BareJid[]) => members.map((member) => domains.address(member))

  async function printed(app: App) {
    const { appid, domain, name, description, scope, hosts, active, webhook } = app
    const members = addresses(app.members)
    const proof = apps.proof(app)
    const times = { verifiedAt: rfc3339(app.verifiedAt), createdAt: rfc3339(app.createdAt) }
    const told = { webhook, webhookState: webhookState(app, await webhooks().stateOf(app)) }
    return { appid, proof, name, domain, description, scope, hosts, members, active, ...times, ...told }
  }

  router.get('/api/apps', signedIn, async (ctx) => {
    ctx.body = { apps: await Promise.all((await apps.of(ctx.state.user)).map(printed)) }
  })

  router.post('/api/apps', signedIn, async (ctx) => {
    ctx.body = await printed(
      await apps.register(ctx.state.user, await visitors.sent(ctx, readAs(REGISTERED, ctx, MOST_BYTES))),
    )
  })

  router.get('/api/apps/:appid', signedIn, async (ctx) => {
    ctx.body = await printed(await appOf(ctx))
  })

  router.patch('/api/apps/:appid', signedIn, async (ctx) => {
    const app = await appOf(ctx)
    ctx.body = await printed(
      await apps.edit(app, ctx.state.user, await visitors.sent(ctx, readAs(EDITED, ctx, MOST_BYTES))),
    )
  })

  router.delete('/api/apps/:appid', signedIn, async (ctx) => {
    await apps.remove(await appOf(ctx), ctx.state.user)
    ctx.body = OK
  })

  router.post('/api/apps/:appid/verify', signedIn, async (ctx) => {
    const verdict = await apps.verify(await appOf(ctx), ctx.state.user)
    if (verdict.kind === 'failed') throw new HttpFault(409, 131, verdict.found)
    ctx.body = await printed(verdict.app)
  })

  router.post('/api/apps/:appid/activate', signedIn, async (ctx) => {
    const { app, key } = await apps.activate(await appOf(ctx), ctx.state.user)
    ctx.body = { key, stream: streamUrl(publicUrl, app) }
  })

  router.post('/api/apps/:appid/deactivate', signedIn, async (ctx) => {
    ctx.body = await printed(await apps.deactivate(await appOf(ctx), ctx.state.user))
  })

  router.post('/api/apps/:appid/rotate', signedIn, async (ctx) => {
    ctx.body = { key: await apps.rotate(await appOf(ctx), ctx.state.user) }
  })

  router.get('/api/apps/:appid/members', signedIn, async (ctx) => {
    ctx.body = { members: addresses((await appOf(ctx)).members) }
  })

  router.post('/api/apps/:appid/members', signedIn, async (ctx) => {
    const app = await appOf(ctx)
    const { jid } = await visitors.sent(ctx, readAs(MEMBER, ctx, MOST_BYTES))
    const { members } = await apps.addMember(app, ctx.state.user, memberOf(jid))
    ctx.body = { members: addresses(members) }
  })

  router.delete('/api/apps/:appid/members/:jid', signedIn, async (ctx) => {
    await apps.removeMember(await appOf(ctx), ctx.state.user, memberOf(ctx.params.jid ?? ''))
    ctx.body = OK
  })
}

/** Where the presence of its users comes to an app. */
function streamUrl(publicUrl: string, { appid }: App): string {
  return `${publicUrl.replace(/^http/, 'ws')}/${appid}`
}

function memberOf(text: string): BareJid {
  const parsed = parseUserInput(text)
  if (parsed.fault !== undefined) throw new HttpFault(400, 102, `${JSON.stringify(text)} is not a JID`)
  return parsed.jid
}
