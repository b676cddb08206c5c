import type { Context } from 'koa'

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * Where whoever looks at a page by another name of this machine than the public URL has is sent on to, since forms are taken
 * there only; null: she is right. Others than loopback's are not sent: who knows what stands between.
 */
export function loopbackUrl(ctx: Context, publicUrl: string): string | null {
  if (ctx.method !== 'GET' || ctx.get('X-Forwarded-For') !== '' || !URL.canParse(`http://${ctx.host}`)) return null
  const [asked, ours] = [new URL(`http://${ctx.host}`), new URL(publicUrl)]
  if (asked.hostname === ours.hostname || asked.port !== ours.port || ours.protocol !== 'http:') return null
  return LOOPBACK.test(asked.hostname) && LOOPBACK.test(ours.hostname) ? `${publicUrl}${ctx.url}` : null
}
