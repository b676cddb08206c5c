// The status endpoint as it would be with koa and its router: the same board, the same rendering, the same headers.
import { hash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { negotiate } from '../../src/http/accept.js'
import { STATUS_HEADERS } from '../../src/http/status-endpoint.js'
import { CONTENT_TYPES, publish, render } from '../../src/http/status-rendering.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { parseUserInput } from '../../src/presence/jid.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { answerCalls } from '../support/answer-calls.js'
import { loadBoard } from '../support/load-board.js'

answerCalls({
  async listen(users: number): Promise<number> {
    const board = new PresenceBoard(systemClock, { resources: 32, staleAfterMs: 900_000 })
    board.linkUp()
    loadBoard(board, users)
    const server = application(board).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
})

function application(board: PresenceBoard): Koa {
  const router = new Router()
  router.get('/xmpp/status/:jid', (ctx) => {
    const parsed = parseUserInput(ctx.params.jid ?? '')
    const presence = parsed.fault === undefined ? board.get(parsed.jid, parsed.domain) : null
    if (parsed.fault !== undefined || !presence) return
    const { show, text, since, freshness } = presence
    const format = negotiate(ctx.get('Accept'))
    for (let i = 0; i < STATUS_HEADERS.length; i += 2) ctx.set(STATUS_HEADERS[i] ?? '', STATUS_HEADERS[i + 1] ?? '')
    const state = `key\n${parsed.jid}\n${show}\n${since}\n${freshness}\n${format}\n${text}`
    ctx.set('ETag', `W/"${hash('sha256', state, 'base64url').slice(0, 22)}"`)
    ctx.set('Presence-Freshness', freshness)
    ctx.type = CONTENT_TYPES[format]
    ctx.body = render(publish(parsed.jid, presence, 'details'), format, systemClock.now())
  })
  const koa = new Koa()
  koa.use(router.routes())
  return koa
}
