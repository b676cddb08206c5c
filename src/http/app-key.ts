import type { Context } from 'koa'
import { FULL_RETRY_S, REFUSALS, type Refusal } from '../delivery/stream-gate.js'
import { HttpFault } from './fault.js'

/** What an app's server shows; a key that is none for a request without. */
export function appKeyOf(ctx: Context): { readonly key: string } {
  const [, key = ''] = /^Bearer +(\S+) *$/i.exec(ctx.get('Authorization')) ?? []
  return { key }
}

/** With the headers that go with it. */
export function refusalFault(ctx: Context, refused: Refusal): HttpFault {
  const { status, errno, error } = REFUSALS[refused]
  if (status === 429) ctx.set('Retry-After', String(FULL_RETRY_S))
  if (status === 401) ctx.set('WWW-Authenticate', 'Bearer realm="presence"')
  return new HttpFault(status, errno, error)
}
