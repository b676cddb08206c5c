import type Router from '@koa/router'
import * as z from 'zod'
import type { AppId } from '../../apps/app.js'
import type { StreamGate } from '../../delivery/stream-gate.js'
import { MOST_UIDS, TICKET_TTL, Tickets } from '../../delivery/tickets.js'
import { readDuration } from '../../duration.js'
import { appKeyOf, refusalFault } from '../app-key.js'
import { HttpFault } from '../fault.js'
import { readAs } from '../read-body.js'
import { rfc3339 } from '../rfc3339.js'

export interface TicketRouteParts {
  readonly gate: Pick<StreamGate, 'admit'>
  readonly tickets: Pick<Tickets, 'make'>
}

const MOST_BYTES = 64 * 1024

const ASKED = z.strictObject({
  uids: z.array(z.string().refine(Tickets.isUid, 'is no uid')).min(1, 'must name somebody'),
  ttl: z
    .string()
    .transform(readDuration)
    .refine((ms) => ms >= TICKET_TTL.least && ms <= TICKET_TTL.most, 'must be from 1s to 24h, such as 15m')
    .default(TICKET_TTL.usual),
})

/** What an app's server gets for its pages, by its key. */
export function ticketRoutes(router: Router, { gate, tickets }: TicketRouteParts): void {
  router.post('/:appid/tickets', async (ctx) => {
    // Browsers send it with every POST, and nobody else does.
    if (ctx.get('Origin')) throw refusalFault(ctx, 'origin')
    const appid = ctx.params.appid as AppId
    const shown = appKeyOf(ctx)
    const admitted = await gate.admit(appid, shown)
    if ('refused' in admitted) throw refusalFault(ctx, admitted.refused)
    const { uids, ttl } = await readAs(ASKED, ctx, MOST_BYTES)
    if (uids.length > MOST_UIDS) throw new HttpFault(400, 104, `uids: at most ${MOST_UIDS}`)
    const { ticket, expires } = tickets.make(appid, shown.key, uids, ttl)
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { ticket, expires: rfc3339(expires) }
  })
}
