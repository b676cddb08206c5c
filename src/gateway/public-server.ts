import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from '../config.js'
import { createApplication } from '../http/application.js'
import { HttpServer } from '../http/http-server.js'
import type { RosterEndpoint } from '../http/roster-endpoint.js'
import { StatusEndpoint } from '../http/status-endpoint.js'
import { Turns } from '../http/turns.js'
import type { Metrics } from '../ops/metrics.js'
import type { Clock } from '../presence/clock.js'
import type { DeliverySide } from './delivery-side.js'
import type { RosterSide } from './roster-side.js'
import type { WebSide } from './web-side.js'

export interface PublicServerParts {
  readonly config: Config
  readonly etagKey: Buffer
  readonly fetchedRosters: RosterEndpoint
  readonly rosters: Pick<RosterSide, 'routes'>
  readonly web: Pick<WebSide, 'view' | 'routes' | 'pages'>
  readonly delivery: Pick<DeliverySide, 'routes' | 'sockets'>
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'statusAnswers'>
  readonly failed: (error: unknown) => void
}

/** Who answers what: statuses and rosters that servers fetch come before koa, WebSockets beside it. */
export function createPublicServer(parts: PublicServerParts): HttpServer {
  const { config, etagKey, fetchedRosters, rosters, web, delivery, clock, metrics, failed } = parts
  const counter = { answered: (code: number) => metrics.statusAnswers.add(code) }
  const status = new StatusEndpoint(web.view, clock, etagKey, counter)
  const turns = new Turns()
  const application = createApplication({
    view: web.view,
    clock,
    batchLimit: config.limits.batch,
    turns,
    routes: [...rosters.routes, ...web.routes, ...delivery.routes],
    pages: web.pages,
    failed,
  })
  return new HttpServer(config.http, {
    turns,
    clock,
    first: {
      handle: (request: IncomingMessage, response: ServerResponse) =>
        status.handle(request, response) || fetchedRosters.handle(request, response),
    },
    rest: application.callback(),
    upgrades: delivery.sockets,
    failed,
  })
}
