import type { Context } from 'koa'

/** The answer to a form that was done: the browser goes on by GET, so that going back sends nothing twice. */
export function seeOther(ctx: Context, location: string): void {
  ctx.status = 303
  ctx.set({ Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'same-origin' })
  ctx.body = ''
}
