import type Router from '@koa/router'
import type { Context } from 'koa'
import type { BareJid } from '../../presence/jid.js'
import type { HttpFault } from '../fault.js'
import type { Visitor, Visitors } from '../visitors.js'
import { type AccountPagesParts, accountPages } from './account-routes.js'
import { type AppPagesParts, appPages } from './app-routes.js'
import { Assets } from './assets.js'
import { ErrorPage, type ErrorPageProps, errorTitle } from './error-page.js'
import { FrontPage } from './front-page.js'
import { type GrantPagesParts, grantPages } from './grant-routes.js'
import { loopbackUrl } from './loopback-url.js'
import { PageHandlers } from './page-handlers.js'
import { PageWriter } from './page-writer.js'
import { seeOther } from './see-other.js'
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
  readonly #publicUrl: string

  constructor(parts: PagesParts) {
    const assets = Assets.load()
    const writer = new PageWriter(assets, parts.publicUrl, parts.address)
    const handlers = new PageHandlers(parts.visitors)
    this.#visitors = parts.visitors
    this.#writer = writer
    this.#publicUrl = parts.publicUrl
    this.routes = [
      (router) => addAssets(router, assets),
      (router) =>
        router.use((ctx, next) => {
          const url = loopbackUrl(ctx, parts.publicUrl)
          return url === null ? next() : seeOther(ctx, url)
        }),
      (router) => signInPages(router, writer, handlers, parts),
      (router) => appPages(router, writer, handlers, parts),
      (router) => accountPages(router, writer, handlers, parts),
      // The first part of its path is any.
      (router) => grantPages(router, writer, handlers, parts),
      addWaysBack,
    ]
  }

  async front(ctx: Context): Promise<void> {
    const url = loopbackUrl(ctx, this.#publicUrl)
    if (url !== null) return seeOther(ctx, url)
    const visitor = await this.#visitors.visitor(ctx)
    this.#writer.write(ctx, { title: 'Who is there', visitor }, <FrontPage signedIn={visitor !== null} />)
  }

  /** Why a form was not taken, as far as whoever sent it can mend it. */
  #refusedForm(ctx: Context, visitor: Visitor | null): Pick<ErrorPageProps, 'elsewhere' | 'user'> {
    const origin = ctx.get('Origin')
    if (origin !== '' && origin !== new URL(this.#publicUrl).origin) {
      return { elsewhere: { site: this.#publicUrl, url: `${this.#publicUrl}${ctx.url}` } }
    }
    return visitor ? { user: this.#writer.address(visitor.user) } : {}
  }

  /** For whoever prefers HTML to JSON. */
  async fault(ctx: Context, { status, errno, message }: HttpFault): Promise<void> {
    // What failed may be just what says who it is.
    const visitor = await this.#visitors.visitor(ctx).catch(() => null)
    const page = { title: errorTitle(status), visitor, status, popup: true }
    const isForm = ctx.method === 'POST' && !ctx.path.startsWith('/api/')
    const kind = errno === 121 && isForm ? this.#refusedForm(ctx, visitor) : {}
    // Every form's URL leads to the page that it is on, too.
    const next = ctx.method === 'GET' || isForm ? ctx.url : '/account'
    this.#writer.write(ctx, page, <ErrorPage status={status} message={message} next={next} {...kind} />)
  }
}

/** Whoever loads by the address bar what a form led to gets the page that the form is on. */
function addWaysBack(router: Router): void {
  const shown = new Set(router.stack.filter(({ methods }) => methods.includes('GET')).map(({ path }) => path))
  for (const { path, methods } of [...router.stack]) {
    if (!methods.includes('POST') || shown.has(path)) continue
    router.get(path, (ctx) => seeOther(ctx, /^\/(?:account|myapps\/[^/]+)(?=\/)/.exec(ctx.path)?.[0] ?? '/'))
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
