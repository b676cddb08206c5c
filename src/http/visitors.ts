import type { Context } from 'koa'
import type { Session } from '../accounts/session.js'
import type { BareJid } from '../presence/jid.js'

/** Somebody who is signed in and looks at a page. */
export interface Visitor {
  readonly user: BareJid
  readonly session: Session
  /** Belongs into each form of hers, as the field `csrf`. */
  readonly csrf: string
}

/** Who asks: for pages by session cookie, for `/api` by session cookie or personal token. */
export interface Visitors {
  /** null: she is not signed in. */
  visitor(ctx: Context): Promise<Visitor | null>
  /** Of a form that was sent: throws HttpFault 403, errno 121, unless it came from our own page and with her token. */
  checkForm(ctx: Context, visitor: Visitor, fields: Readonly<Record<string, string>>): void
  /** Of a form before there is a session. Throws HttpFault 403, errno 121, where the `Origin` is not ours. */
  checkOrigin(ctx: Context): void
  /** For `/api`. Throws HttpFault 401 (110, 112), or 403 (121) where a session writes from elsewhere. */
  apiUser(ctx: Context): Promise<BareJid>
  /** Sets the cookie. */
  signIn(ctx: Context, user: BareJid): Promise<void>
  /** Ends the session of that cookie, and takes the cookie away. */
  signOut(ctx: Context): Promise<void>
  /** The client's, as far as proxies that we trust can say. */
  address(ctx: Context): string
}
