import { createHash } from 'node:crypto'
import type Router from '@koa/router'
import type { Apps } from '../../apps/apps.js'
import { HttpFault } from '../fault.js'

/** An app's icon as a stranger's web server gave it: for anybody, and never as anything but an image. */
export function appIconRoute(router: Router, apps: Pick<Apps, 'icon'>): void {
  router.get('/:appid/icon', async (ctx) => {
    const icon = await apps.icon(ctx.params.appid ?? '')
    if (!icon) throw new HttpFault(404, 130, 'there is no icon')
    ctx.set({
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'public, max-age=86400',
      ETag: `"${createHash('sha256').update(icon.image).digest('base64url').slice(0, 22)}"`,
    })
    ctx.status = 200
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.body = icon.image
    ctx.type = icon.type
  })
}
