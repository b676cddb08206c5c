import type { Context } from 'koa'

/** What `?done=` says; null where that is nothing, or after a form. */
export function noticeIn(notices: Readonly<Record<string, string>>, { query, method }: Context): string | null {
  const { done } = query
  return (method === 'GET' && typeof done === 'string' && Object.hasOwn(notices, done) && notices[done]) || null
}
