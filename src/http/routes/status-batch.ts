import parseBody from 'co-body'
import type { Context } from 'koa'
import * as z from 'zod'
import type { Clock } from '../../presence/clock.js'
import { parseUserInput } from '../../presence/jid.js'
import { HttpFault } from '../fault.js'
import type { PublicView } from '../public-view.js'
import { statusJson } from '../status-rendering.js'

const BODY = z.object({ jids: z.array(z.string()) })
// A JID is at most 3,071 bytes (RFC 7622 §3.1); JSON may escape, but whoever asks for a thousand such is no page.
const BYTES_PER_JID = 1100

/** `POST /xmpp/status {"jids":[…]}` → `{"presences":[…]}`, in the order asked. */
export function statusBatch(view: PublicView, clock: Clock, limit: number) {
  return async (ctx: Context): Promise<void> => {
    const { jids } = await readBody(ctx, limit)
    const now = clock.now()
    ctx.body = {
      presences: jids.map((asked) => {
        const parsed = parseUserInput(asked)
        const notFound = { jid: asked, error: 'item-not-found' }
        if (parsed.fault !== undefined) return notFound
        const presence = view.of(parsed.jid, parsed.domain)
        return presence ? statusJson(presence, now) : notFound
      }),
    }
  }
}

async function readBody(ctx: Context, limit: number): Promise<z.output<typeof BODY>> {
  let body: unknown
  try {
    // Whatever its Content-Type says: nothing here is changed by a request, so a page may leave the preflight out.
    body = JSON.parse(await parseBody.text(ctx.req, { limit: limit * BYTES_PER_JID }))
  } catch (error) {
    if ((error as { status?: number }).status === 413) throw new HttpFault(413, 103, 'the body is too large')
    throw new HttpFault(400, 100, 'the body is not JSON')
  }
  const parsed = BODY.safeParse(body)
  if (!parsed.success) throw new HttpFault(400, 101, 'jids: must be an array of strings')
  if (parsed.data.jids.length > limit) throw new HttpFault(413, 104, `jids: at most ${limit} in one request`)
  return parsed.data
}
