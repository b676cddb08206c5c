import type Router from '@koa/router'
import type { Context } from 'koa'
import type { BareJid } from '../../presence/jid.js'
import type { HttpFault } from '../fault.js'
import type { Visitors } from '../visitors.js'
import { type AccountPagesParts, accountPages } from './account-routes.js'
import { type AppPagesParts, appPages } from './app-routes.js'
import { Assets } from './assets.js'
import { ErrorPage, errorTitle } from './error-page.js'
import { FrontPage } from './front-page.js'
import { type GrantPagesParts, grantPages } from './grant-routes.js'
import { PageHandlers } from './page-handlers.js'
import { PageWriter } from './page-writer.js'
import { type SignInPagesParts, signInPages } from './sign-in-routes.js'

export interface PagesParts extends SignInPagesParts, AppPagesParts, GrantPagesParts, AccountPagesParts {
  readonly publicUrl: string
  readonly visitors: Visitors
  /** As their servers write them. */
  readonly address: (user: BareJid) => string
}

/** What people look at: all that answers in HTML. */
export class Pages {
  readonly routes: readonly ((router: Router) => void)[]
  readonly #visitors: Visitors
  readonly #writer: PageWriter

  constructor(parts: PagesParts) {
    const assets = Assets.load()
    const writer = new PageWriter(assets, parts.publicUrl, parts.address)
    const handlers = new PageHandlers(parts.visitors)
    this.#visitors = parts.visitors
    this.#writer = writer
    this.routes = [
      (router) => addAssets(router, assets),
      (router) => signInPages(router, writer, handlers, parts),
      (router) => appPages(router, writer, handlers, parts),
      (router) => accountPages(router, writer, handlers, parts),
      // The last: the first part of its path is any.
      (router) => grantPages(router, writer, handlers, parts),
    ]
  }

  async front(ctx: Context): Promise<void> {
    const visitor = await this.#visitors.visitor(ctx)
    this.#writer.write(ctx, { title: 'Who is there', visitor }, <FrontPage signedIn={visitor !== null} />)
  }

  /** For whoever prefers HTML to JSON. */
  async fault(ctx: Context, { status, message }: HttpFault): Promise<void> {
    // What failed may be just what says who it is.
    const visitor = await this.#visitors.visitor(ctx).catch(() => null)
    const next = ctx.method === 'GET' ? ctx.url : '/account'
    const page = { title: errorTitle(status), visitor, status, popup: true }
    this.#writer.write(ctx, page, <ErrorPage status={status} message={message} next={next} />)
  }
}

function addAssets(router: Router, assets: Assets): void {
  router.get('/assets/:file', (ctx) => {
    const asset = assets.find(ctx.path)
    if (!asset) return
    ctx.set({ 'Cache-Control': 'public, max-age=31536000, immutable', 'X-Content-Type-Options': 'nosniff' })
    ctx.type = asset.type
    ctx.body = asset.body
  })
}
