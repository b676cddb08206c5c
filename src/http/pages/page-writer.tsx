import type { Context } from 'koa'
import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { BareJid } from '../../presence/jid.js'
import type { Visitor } from '../visitors.js'
import type { Assets } from './assets.js'
import { Layout } from './layout.js'

export interface Page {
  readonly title: string
  readonly visitor: Visitor | null
  readonly status?: number
  /** It may stand in a pop-up of another site, whose `window.opener` must survive it. */
  readonly popup?: boolean
  /** Where whoever signs out goes on to, such as a question that another may answer; the front page where nothing is said. */
  readonly afterSignOut?: string
  /** Where its form may lead to, besides us: Chrome applies `form-action` to what a form is redirected to, too. */
  readonly formOrigin?: string
}

/** Writes whole documents, each with the headers that keep it ours. */
export class PageWriter {
  readonly #assets: Assets
  readonly #site: string
  /** A user as her server writes her. */
  readonly address: (user: BareJid) => string

  constructor(assets: Assets, publicUrl: string, address: (user: BareJid) => string) {
    this.#assets = assets
    this.address = address
    this.#site = new URL(publicUrl).host
  }

  write(ctx: Context, page: Page, content: VNode): void {
    const { icon, style, script } = this.#assets
    const { title, visitor, status = 200, popup = false, formOrigin, afterSignOut = null } = page
    ctx.status = status
    ctx.type = 'text/html; charset=utf-8'
    ctx.set(securityHeaders(formOrigin))
    if (!popup) ctx.set('Cross-Origin-Opener-Policy', 'same-origin')
    ctx.body = `<!DOCTYPE html>${renderToString(
      <Layout
        title={title}
        site={this.#site}
        icon={icon.path}
        popup={popup}
        afterSignOut={afterSignOut}
        style={style.path}
        script={script.path}
        path={ctx.path}
        visitor={visitor && { user: this.address(visitor.user), csrf: visitor.csrf }}
      >
        {content}
      </Layout>,
    )}`
  }
}

/** CSP has no word for an IPv6 address, which only a private app has: its scheme alone, then. */
function cspSource(origin: string): string {
  return origin.includes('[') ? new URL(origin).protocol : origin
}

function securityHeaders(formOrigin: string | undefined): Record<string, string> {
  const formAction = ["'self'", ...(formOrigin === undefined ? [] : [cspSource(formOrigin)])].join(' ')
  return {
    'Content-Security-Policy': `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // Not no-referrer, though URLs hold tokens: with it, browsers send `Origin: null` with our own forms. Nothing leaves to others.
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  }
}
