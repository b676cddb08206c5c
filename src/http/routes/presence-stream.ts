import type Router from '@koa/router'
import type { AppId } from '../../apps/app.js'
import type { StreamGate } from '../../delivery/stream-gate.js'
import type { Streams } from '../../delivery/streams.js'
import { events, lines } from '../../delivery/wire.js'
import type { Clock } from '../../presence/clock.js'
import { appKeyOf, refusalFault } from '../app-key.js'
import type { clientAddress } from '../client-address.js'
import { HttpFault } from '../fault.js'
import { HttpSink } from '../http-sink.js'
import { onceSent } from '../once-sent.js'

export interface PresenceStreamParts {
  readonly streams: Pick<Streams, 'open'>
  readonly gate: Pick<StreamGate, 'enter' | 'admit'>
  readonly address: ReturnType<typeof clientAddress>
  readonly clock: Clock
}

const PATH = '/:appid/presence.json'

const LINES = { type: 'application/x-ndjson', wire: lines, idle: '\n' }
const EVENTS = { type: 'text/event-stream', wire: events, idle: ':\n\n' }

// Proxies must neither keep nor collect it.
const HEAD = { 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no', 'X-Content-Type-Options': 'nosniff' }

/** What a page may ask with a ticket. A key never comes that far: a page must not even ask whether it could send one. */
const PREFLIGHT = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': 'Last-Event-ID',
  'Access-Control-Max-Age': '86400',
  Allow: 'GET, HEAD, OPTIONS',
}

/** The presence of an app's users as an answer without end: lines of JSON, or Server-Sent Events. */
export function presenceStreamRoute(router: Router, parts: PresenceStreamParts): void {
  const { streams, gate, address, clock } = parts

  router.get(PATH, async (ctx) => {
    const appid = ctx.params.appid as AppId
    const ticket = first(ctx.query.ticket)
    if (ticket !== undefined) {
      ctx.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After, WWW-Authenticate' })
    }
    const entered = gate.enter({
      address: address(ctx.req),
      origin: ctx.req.headers.origin,
      hasTicket: ticket !== undefined,
    })
    if ('refused' in entered) throw refusalFault(ctx, entered.refused)
    onceSent(ctx.res, ctx.req.socket, entered.leave)
    const { type, wire, idle } = ctx.accepts(LINES.type, EVENTS.type) === EVENTS.type ? EVENTS : LINES
    const sink = new HttpSink({ response: ctx.res, socket: ctx.req.socket, wire, idle, clock })
    const admitted = await gate.admit(appid, ticket === undefined ? appKeyOf(ctx) : { ticket })
    if ('refused' in admitted) throw refusalFault(ctx, admitted.refused)
    // Whoever still sends one would be cut off in the midst of the answer.
    if (!ctx.req.complete) throw new HttpFault(400, 101, 'a stream is asked for without a body')
    const head = { 'Content-Type': type, ...HEAD }
    if (ctx.method === 'HEAD') {
      ctx.set(head)
      ctx.status = 200
      ctx.respond = false
      ctx.res.end()
      return
    }
    // An EventSource that comes back says the newest, and asks for what its page once said.
    const since = ctx.get('Last-Event-ID') || first(ctx.query.since) || null
    await streams.open({ appid, wire, sink, since, uids: admitted.uids }, (stream) => {
      if (sink.isGone) return stream.closed()
      ctx.set(head)
      ctx.status = 200
      ctx.respond = false
      sink.begin(stream)
    })
  })

  router.options(PATH, (ctx) => {
    ctx.set(PREFLIGHT)
    ctx.status = 204
  })
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
