import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { AppFault, type AppFaultKind } from '../apps/app-fault.js'
import type { Clock } from '../presence/clock.js'
import { faultBody, HttpFault } from './fault.js'
import { linger } from './linger.js'
import type { PublicView } from './public-view.js'
import { statusBatch } from './routes/status-batch.js'
import { STATUS_HEADERS, STATUS_PATH } from './status-endpoint.js'
import type { Turns } from './turns.js'

export interface ApplicationParts {
  readonly view: PublicView
  readonly clock: Clock
  readonly batchLimit: number
  readonly turns: Turns
  /** What programs call. */
  readonly routes: readonly ((router: Router) => void)[]
  /** What people look at. */
  readonly pages: {
    readonly routes: readonly ((router: Router) => void)[]
    front(ctx: Context): Promise<void>
    fault(ctx: Context, fault: HttpFault): Promise<void>
  }
  /** An error that nobody expected. */
  readonly failed: (error: unknown) => void
}

/** Everything that koa answers: all but the status queries. */
export function createApplication({ view, clock, batchLimit, turns, routes, pages, failed }: ApplicationParts): Koa {
  const router = new Router(EXACT)
  router.get('/', async (ctx) => {
    ctx.vary('Accept')
    if (ctx.accepts('text', 'html') === 'html') await pages.front(ctx)
    else ctx.body = INDEX
  })
  router.post(STATUS_PATH, statusBatch(view, clock, batchLimit, turns))
  for (const add of routes) add(router)
  const pageRouter = new Router(EXACT)
  for (const add of pages.routes) add(pageRouter)

  const app = new Koa()
  app.silent = true
  // A client that goes away is no error of ours, and must not fill the log.
  app.on('error', (error: NodeJS.ErrnoException) => {
    if (!GONE.has(error.code ?? '')) failed(error)
  })
  app.use(async (ctx, next) => {
    if (ctx.path === STATUS_PATH || ctx.path.startsWith(`${STATUS_PATH}/`)) {
      for (let i = 0; i < STATUS_HEADERS.length; i += 2) ctx.set(STATUS_HEADERS[i] ?? '', STATUS_HEADERS[i + 1] ?? '')
    }
    if (ctx.path.startsWith('/api/')) ctx.set(API_HEADERS)
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) throw new HttpFault(404, 130, 'not found')
      if (ctx.status === 405 || ctx.status === 501) {
        throw new HttpFault(ctx.status, 101, 'this method is not allowed here')
      }
    } catch (error) {
      const fault = faultOf(error)
      // Nobody expected it, so it belongs in the log. What is wrong with the storage, the storage says there itself.
      if (fault.status === 500 && error !== fault) failed(error)
      // RFC 9110 §15.5.2: it says with what one may try.
      if (fault.status === 401 && !ctx.response.get('WWW-Authenticate')) ctx.set('WWW-Authenticate', 'Bearer')
      ctx.status = fault.status
      if (error instanceof AppFault && error.retryAfterMs !== null) {
        ctx.set('Retry-After', String(Math.ceil(error.retryAfterMs / 1000)))
      }
      ctx.vary('Accept')
      if (ctx.accepts('json', 'html') === 'html') await pages.fault(ctx, fault)
      else ctx.body = faultBody(fault.errno, fault.message)
      // The rest of a body that is refused for its size is of no use.
      if (fault.status === 413 || fault.status === 429) linger(ctx, clock)
    }
  })
  app.use(router.routes())
  app.use(pageRouter.routes())
  // A status query by any other method ends here, too.
  app.use(async (ctx, next) => {
    if (!ctx.path.startsWith(`${STATUS_PATH}/`)) return next()
    ctx.set('Allow', 'GET, HEAD, OPTIONS')
    ctx.status = 405
  })
  // Who asks for a WebSocket never comes here.
  app.use(async (ctx, next) => {
    if (ctx.method !== 'GET' || !APP_PATH.test(ctx.path)) return next()
    ctx.set({ Connection: 'Upgrade', Upgrade: 'websocket' })
    throw new HttpFault(426, 101, 'this is for WebSockets')
  })
  app.use(router.allowedMethods())
  return app
}

function faultOf(error: unknown): HttpFault {
  if (error instanceof HttpFault) return error
  if (error instanceof AppFault) return new HttpFault(...APP_FAULTS[error.kind], error.message)
  const { name, code } = error as Error & { code?: string }
  if (name === 'StorageError' || code?.startsWith('SQLITE_')) return new HttpFault(507, 151, 'it could not be stored')
  return new HttpFault(500, 150, 'internal error')
}

/** Each path has one spelling: what is said of a path holds for whatever is found there. */
const EXACT = { sensitive: true, strict: true }

/** What is told to one user is nobody else's, and is never anything but JSON. */
const API_HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }

const APP_FAULTS: Readonly<Record<AppFaultKind, readonly [status: number, errno: number]>> = {
  'bad-field': [400, 101],
  'too-many': [400, 104],
  'not-found': [404, 130],
  'wrong-state': [409, 131],
  'too-often': [429, 140],
  'not-now': [503, 152],
}

const APP_PATH = /^\/app_[A-Za-z0-9_-]{24}$/

const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_EOF_STATE'])

const INDEX = `This is presence-gateway: it puts the presence of XMPP users on the web.

GET  /xmpp/status/<jid>      who is there: XML, or .json or .txt (by suffix or Accept)
POST /xmpp/status            {"jids":["alice@example.org", ...]}
GET  /<appid>/presence.json  what changes, as it happens, for an app with its key; /myapps registers apps
`
