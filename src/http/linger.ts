import { Readable } from 'node:stream'
import type { Context } from 'koa'
import type { Clock } from '../presence/clock.js'

const LINGER_MS = 2000

/**
 * An answer before the end of what was asked, with the connection closed behind it: most clients send all before they read, and
 * would find the connection reset (RFC 9112 §9.6). So what they send is read, and forgotten, for a moment, before it is closed.
 */
export function linger(ctx: Context, clock: Clock): void {
  ctx.set('Connection', 'close')
  const { body, req } = ctx
  if (req.complete || req.destroyed) return
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  // All of it goes out at once; it is its end that closes the connection.
  const answer = new Readable({ read: () => {} })
  answer.push(text)
  const end = () => {
    timer.cancel()
    answer.push(null)
  }
  const timer = clock.after(LINGER_MS, end)
  req.once('close', end).resume()
  ctx.body = answer
  ctx.length = Buffer.byteLength(text)
}
