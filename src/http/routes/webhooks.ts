import type Router from '@koa/router'
import * as z from 'zod'
import type { App } from '../../apps/app.js'
import type { Apps } from '../../apps/apps.js'
import type { Delivery, WebhookState } from '../../delivery/webhook-state.js'
import type { Webhooks } from '../../delivery/webhooks.js'
import { readAs } from '../read-body.js'
import { rfc3339 } from '../rfc3339.js'
import type { Visitors } from '../visitors.js'
import { membersApp } from './members-app.js'

export interface WebhookRouteParts {
  readonly apps: Pick<Apps, 'managed' | 'setWebhook' | 'rotateWebhook'>
  readonly webhooks: () => Webhooks
  readonly visitors: Pick<Visitors, 'apiUser' | 'sent'>
}

const MOST_BYTES = 64 * 1024
const OK = { result: 'OK' } as const
const WEBHOOK = z.strictObject({ url: z.string() })
const REPLAY = z.strictObject({ cursor: z.string() })

/** What members do with the webhooks of their apps. */
export function webhookRoutes(router: Router, { apps, webhooks, visitors }: WebhookRouteParts): void {
  const { signedIn, appOf } = membersApp(apps, visitors)

  router.put('/api/apps/:appid/webhook', signedIn, async (ctx) => {
    const app = await appOf(ctx)
    const { url } = await visitors.sent(ctx, readAs(WEBHOOK, ctx, MOST_BYTES))
    const secret = await apps.setWebhook(app, ctx.state.user, url)
    await webhooks().turnOn(app)
    ctx.body = { secret }
  })

  router.delete('/api/apps/:appid/webhook', signedIn, async (ctx) => {
    await apps.setWebhook(await appOf(ctx), ctx.state.user, null)
    ctx.body = OK
  })

  router.post('/api/apps/:appid/webhook/rotate', signedIn, async (ctx) => {
    ctx.body = { secret: await apps.rotateWebhook(await appOf(ctx), ctx.state.user) }
  })

  router.post('/api/apps/:appid/webhook/test', signedIn, async (ctx) => {
    ctx.body = await webhooks().test(await appOf(ctx))
  })

  router.post('/api/apps/:appid/webhook/replay', signedIn, async (ctx) => {
    const app = await appOf(ctx)
    await webhooks().replay(app, (await visitors.sent(ctx, readAs(REPLAY, ctx, MOST_BYTES))).cursor)
    ctx.body = OK
  })

  router.get('/api/apps/:appid/deliveries', signedIn, async (ctx) => {
    ctx.body = { deliveries: (await webhooks().deliveries(await appOf(ctx))).map(printed) }
  })
}

/** How the webhook of an app stands; null: it has none. */
export function webhookState({ webhook }: App, state: WebhookState | null) {
  if (webhook === null) return null
  const { off = null, failingSince = null } = state ?? {}
  return { on: off === null, failingSince: rfc3339(failingSince), off: off?.because ?? null }
}

function printed({ id, at, attempt, status, error, ms, updates }: Delivery) {
  return { id, at: rfc3339(at), attempt, ...(status === null ? { error } : { status }), ms, updates }
}
