import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import type { PersonalTokens } from '../accounts/personal-tokens.js'
import type { Session } from '../accounts/session.js'
import type { Sessions } from '../accounts/sessions.js'
import { SIGN_IN_MS } from '../accounts/sign-in.js'
import type { BareJid } from '../presence/jid.js'
import { browserName } from './browser-name.js'
import { clientAddress } from './client-address.js'
import { Cookie } from './cookie.js'
import { HttpFault } from './fault.js'

/** Somebody who is signed in and looks at a page. */
export interface Visitor {
  readonly user: BareJid
  readonly session: Session
  /** Belongs into each form of hers, as the field `csrf`. */
  readonly csrf: string
}

export interface VisitorsOptions {
  readonly publicUrl: string
  /** CIDRs */
  readonly trustProxy: readonly string[]
  /** Told once of a proxy that is not among them. */
  readonly distrusted?: (proxy: string) => void
  /** Of the database: what forms hold is good across restarts. */
  readonly secret: Buffer
}

// How long a session lasts is known here, and is counted from its last use; browsers keep no cookie for longer than this.
const COOKIE_MS = 400 * 24 * 3_600_000
// Each is on the disk before it is answered, and everybody waits for that. One counter for each user who wrote in the last minute:
// she is signed in.
const WRITES = { points: 120, duration: 60 }
const READING = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Who asks: for pages by session cookie, for `/api` by session cookie or personal token. */
export class Visitors {
  readonly #sessions: Sessions
  readonly #tokens: PersonalTokens
  readonly #publicUrl: string
  readonly #origin: string
  readonly #secret: Buffer
  /** The address that a request counts to. */
  readonly addressOf: (request: Context['req']) => string
  readonly #writes = new RateLimiterMemory(WRITES)
  readonly #counted = new WeakSet<Context>()
  readonly #session: Cookie
  readonly #signIn: Cookie

  constructor(
    sessions: Sessions,
    tokens: PersonalTokens,
    { publicUrl, trustProxy, distrusted, secret }: VisitorsOptions,
  ) {
    this.#sessions = sessions
    this.#tokens = tokens
    this.#publicUrl = publicUrl
    this.#origin = new URL(publicUrl).origin
    this.#secret = secret
    this.addressOf = clientAddress(trustProxy, distrusted)
    this.#session = new Cookie('session', publicUrl)
    this.#signIn = new Cookie('sign-in', publicUrl)
  }

  /** null: she is not signed in. */
  async visitor(ctx: Context): Promise<Visitor | null> {
    const token = this.#session.get(ctx)
    const session = token === null ? null : await this.#sessions.find(token)
    return session && { user: session.user, session, csrf: this.#csrf(session) }
  }

  /**
   * Of a form that was sent: throws HttpFault 403, errno 121, unless it came from our own page and with her token; 429 where
   * she writes too often.
   */
  async checkForm(ctx: Context, visitor: Visitor, fields: Readonly<Record<string, string>>): Promise<void> {
    this.checkOrigin(ctx)
    const given = Buffer.from(fields.csrf ?? '')
    const right = Buffer.from(visitor.csrf)
    if (given.length !== right.length || !timingSafeEqual(given, right)) {
      throw new HttpFault(403, 121, 'this form is of another session: load the page again')
    }
    await this.#countWrite(ctx, visitor.user)
  }

  /** Of a form before there is a session. Throws HttpFault 403, errno 121, where the `Origin` is not ours. */
  checkOrigin(ctx: Context): void {
    const origin = ctx.get('Origin')
    // Browsers say one of the two with every POST, and no page can say either in their place.
    if (origin === this.#origin || (origin === '' && ctx.get('Sec-Fetch-Site') === 'same-origin')) return
    throw new HttpFault(403, 121, `this must come from ${this.#publicUrl} (Origin: ${this.#origin}): use that address`)
  }

  /** For `/api`. Throws HttpFault 401 (110, 112), 403 (121) where a session writes from elsewhere, 429 (140) where too often. */
  async apiUser(ctx: Context): Promise<BareJid> {
    // Basic may be a web server's in front of us, which asks for a password of its own.
    const bearer = /^Bearer(?: +(.*))?$/i.exec(ctx.get('Authorization'))
    if (!bearer) return (await this.apiVisitor(ctx)).user
    const found = await this.#tokens.find(bearer[1]?.trim() ?? '')
    if (found) {
      await this.#countWrite(ctx, found.user)
      return found.user
    }
    throw new HttpFault(401, 112, 'this is no personal token, or one that was removed')
  }

  /** For what in `/api` only a browser may do that is signed in. Throws as `apiUser` does. */
  async apiVisitor(ctx: Context): Promise<Visitor> {
    const visitor = await this.visitor(ctx)
    if (!visitor) throw new HttpFault(401, 110, 'not signed in')
    if (!READING.has(ctx.method)) this.checkOrigin(ctx)
    await this.#countWrite(ctx, visitor.user)
    return visitor
  }

  /**
   * What whoever was found has sent. It may come long after the head of the request, so she is looked for again: what was
   * signed out meanwhile, or removed, has sent nothing. `find`: throws, as it would have before.
   */
  async sent<T>(ctx: Context, body: Promise<T>, find: () => Promise<unknown> = () => this.apiUser(ctx)): Promise<T> {
    const sent = await body
    await find()
    return sent
  }

  /** Sets the cookie, and ends the session that the browser had before. */
  async signIn(ctx: Context, user: BareJid): Promise<void> {
    const before = await this.visitor(ctx)
    const from = { browser: browserName(ctx.get('User-Agent')), address: this.address(ctx) }
    this.#session.set(ctx, await this.#sessions.begin(user, from), COOKIE_MS)
    this.#signIn.clear(ctx)
    if (before) await this.#sessions.end(before.session)
  }

  /** Ends the session of that cookie, and takes the cookie away. */
  async signOut(ctx: Context): Promise<void> {
    const visitor = await this.visitor(ctx)
    if (visitor) await this.#sessions.end(visitor.session)
    this.#session.clear(ctx)
  }

  /** Binds a sign-in to this browser: `secret` as SignIn gave it. A second one takes the place of the first. */
  beginSignIn(ctx: Context, secret: string): void {
    this.#signIn.set(ctx, secret, SIGN_IN_MS)
  }

  /** What `beginSignIn` bound to this browser; empty where nothing is. */
  signInSecret(ctx: Context): string {
    return this.#signIn.get(ctx) ?? ''
  }

  /** The client's, as far as proxies that we trust can say. */
  address(ctx: Context): string {
    return this.addressOf(ctx.req)
  }

  async #countWrite(ctx: Context, user: BareJid): Promise<void> {
    // Who is looked for again in the same request has not written twice.
    if (READING.has(ctx.method) || this.#counted.has(ctx)) return
    this.#counted.add(ctx)
    await this.#writes.consume(user).catch(({ msBeforeNext }: RateLimiterRes) => {
      ctx.set('Retry-After', String(Math.max(1, Math.ceil(msBeforeNext / 1000))))
      throw new HttpFault(429, 140, `at most ${WRITES.points} changes a minute: try again later`)
    })
  }

  #csrf({ id }: Session): string {
    return createHmac('sha256', this.#secret).update(id).digest('base64url')
  }
}
