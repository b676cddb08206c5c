import type { Context, Next } from 'koa'
import type { App } from '../../apps/app.js'
import type { Apps } from '../../apps/apps.js'
import { HttpFault } from '../fault.js'
import type { Visitors } from '../visitors.js'

/** For what members do with their apps: who asks, and which of hers it is about. Somebody else's app answers like none. */
export function membersApp(apps: Pick<Apps, 'managed'>, visitors: Pick<Visitors, 'apiUser'>) {
  return {
    async signedIn(ctx: Context, next: Next): Promise<void> {
      ctx.state.user = await visitors.apiUser(ctx)
      await next()
    },

    async appOf(ctx: Context): Promise<App> {
      const app = await apps.managed(ctx.state.user, ctx.params.appid)
      if (!app) throw new HttpFault(404, 130, 'there is no such app, or it is not yours')
      return app
    },
  }
}
