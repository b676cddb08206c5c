import parseBody from 'co-body'
import type { Context } from 'koa'
import * as z from 'zod'
import type { Clock } from '../../presence/clock.js'
import { parseUserInput } from '../../presence/jid.js'
import { Budget } from '../budget.js'
import { HttpFault } from '../fault.js'
import { PATIENCE_MS } from '../patience.js'
import type { PublicView } from '../public-view.js'
import { statusJson } from '../status-rendering.js'
import type { Turns } from '../turns.js'

const BODY = z.object({ jids: z.array(z.string()) })
// A JID is at most 3,071 bytes (RFC 7622 §3.1); JSON may escape, but whoever asks for a thousand such is no page.
const BYTES_PER_JID = 1100
// Bodies and answers of all batches at once; a thousand JIDs and their statuses are some 0.2 MB.
const BUDGET_BYTES = 64 * 1024 * 1024
const RETRY_AFTER_SECONDS = '5'

/** `POST /xmpp/status {"jids":[…]}` → `{"presences":[…]}`, in the order asked. */
export function statusBatch(view: PublicView, clock: Clock, limit: number, turns: Turns) {
  const most = limit * BYTES_PER_JID
  const budget = new Budget(Math.max(BUDGET_BYTES, 4 * most))
  return async (ctx: Context): Promise<void> => {
    const hold = holder(ctx, budget)
    // What is packed says nothing of its size, nor does what comes in chunks.
    const said = ctx.get('Content-Encoding') ? most : (ctx.request.length ?? most)
    hold(Math.min(said, most))
    const text = await readText(ctx, most)
    await turns.next()
    const jids = parse(text, limit)
    const now = clock.now()
    const presences = jids.map((asked) => {
      const parsed = parseUserInput(asked)
      const notFound = { jid: asked, error: 'item-not-found' }
      if (parsed.fault !== undefined) return notFound
      const presence = view.of(parsed.jid, parsed.domain)
      return presence ? statusJson(presence, now) : notFound
    })
    const answer = JSON.stringify({ presences })
    hold(answer.length)
    ctx.type = 'json'
    ctx.body = answer
    // Nobody may hold it by reading a byte now and then.
    const cutOff = clock.after(PATIENCE_MS, () => ctx.req.socket.resetAndDestroy())
    ctx.res.once('close', () => cutOff.cancel())
  }
}

/** Takes bytes out of the budget, until the answer is sent or its connection gone; where none are left it throws. */
function holder(ctx: Context, budget: Budget): (bytes: number) => void {
  const { socket } = ctx.req
  let held: number | null = 0
  const release = () => {
    if (held !== null) budget.give(held)
    held = null
    ctx.res.off('close', release)
    socket.off('close', release)
  }
  // An answer that waits for another one is not told of the end of its connection.
  ctx.res.once('close', release)
  socket.once('close', release)
  return (bytes) => {
    if (held === null) return
    if (!budget.take(bytes)) {
      ctx.set('Retry-After', RETRY_AFTER_SECONDS)
      throw new HttpFault(429, 140, 'too many batches at once')
    }
    held += bytes
  }
}

async function readText(ctx: Context, limit: number): Promise<string> {
  try {
    // Whatever its Content-Type says: nothing here is changed by a request, so a page may leave the preflight out.
    return await parseBody.text(ctx.req, { limit })
  } catch (error) {
    if ((error as { status?: number }).status === 413) throw new HttpFault(413, 103, 'the body is too large')
    throw notJson()
  }
}

function parse(text: string, limit: number): string[] {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw notJson()
  }
  const parsed = BODY.safeParse(body)
  if (!parsed.success) throw new HttpFault(400, 101, 'jids: must be an array of strings')
  if (parsed.data.jids.length > limit) throw new HttpFault(413, 104, `jids: at most ${limit} in one request`)
  return parsed.data.jids
}

const notJson = () => new HttpFault(400, 100, 'the body is not JSON')
