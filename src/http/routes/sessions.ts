import type Router from '@koa/router'
import type { Sessions } from '../../accounts/sessions.js'
import { rfc3339 } from '../rfc3339.js'
import type { Visitors } from '../visitors.js'

export interface SessionRouteParts {
  readonly sessions: Sessions
  readonly visitors: Visitors
}

/** Where a user is signed in. What would sign anybody in is not told. */
export function sessionRoutes(router: Router, { sessions, visitors }: SessionRouteParts): void {
  router.get('/api/me/sessions', async (ctx) => {
    const user = await visitors.apiUser(ctx)
    const current = (await visitors.visitor(ctx))?.session.id
    ctx.body = {
      sessions: (await sessions.ofUser(user)).map(({ id, browser, address, createdAt, usedAt }) => ({
        browser,
        address,
        createdAt: rfc3339(createdAt),
        usedAt: rfc3339(usedAt),
        current: id === current,
      })),
    }
  })

  router.delete('/api/me/sessions', async (ctx) => {
    await sessions.endAll(await visitors.apiUser(ctx))
    ctx.body = { result: 'OK' }
  })
}
