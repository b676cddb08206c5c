import type Router from '@koa/router'
import { PersonalTokens } from '../accounts/personal-tokens.js'
import { Sessions } from '../accounts/sessions.js'
import { SignIn } from '../accounts/sign-in.js'
import { SignInRequests } from '../accounts/sign-in-requests.js'
import { Accounts } from '../apps/accounts.js'
import { Apps } from '../apps/apps.js'
import { Grants } from '../apps/grants.js'
import { PresenceTokens } from '../apps/presence-tokens.js'
import type { Config } from '../config.js'
import type { Webhooks } from '../delivery/webhooks.js'
import { OutboundClient } from '../http/outbound-client.js'
import { Pages } from '../http/pages/pages.js'
import { PublicView } from '../http/public-view.js'
import { appIconRoute } from '../http/routes/app-icons.js'
import { appRoutes } from '../http/routes/apps.js'
import { jwksRoute } from '../http/routes/jwks.js'
import { meRoutes } from '../http/routes/me.js'
import { sessionRoutes } from '../http/routes/sessions.js'
import { signInRoutes } from '../http/routes/sign-in.js'
import { tokenRoutes } from '../http/routes/tokens.js'
import { webhookRoutes } from '../http/routes/webhooks.js'
import { Visitors } from '../http/visitors.js'
import type { Log } from '../ops/log.js'
import type { Clock } from '../presence/clock.js'
import { type BareJid, domainOf, parseStanzaJid } from '../presence/jid.js'
import type { Storage } from '../storage/storage.js'
import { AppNotices } from '../xmpp/app-notices.js'
import { SignInMessages } from '../xmpp/sign-in-messages.js'
import type { XmlElement } from '../xmpp/xml-element.js'
import type { PresenceSide } from './presence-side.js'
import type { XmppSide } from './xmpp-side.js'

export interface WebSideParts {
  readonly config: Config
  readonly storage: Storage
  readonly presence: PresenceSide
  readonly xmpp: XmppSide
  readonly clock: Clock
  readonly log: Log
  /** Begun later. */
  readonly webhooks: () => Webhooks
  readonly random: (bytes: number) => Buffer
}

/** What users and developers do on the web: signing in, applications, grants, their accounts; as pages and as `/api`. */
export class WebSide {
  readonly accounts: Accounts
  readonly apps: Apps
  readonly notices: AppNotices
  readonly view: PublicView
  /** For koa. */
  readonly routes: readonly ((router: Router) => void)[]
  readonly #messages: SignInMessages
  readonly grants: Grants
  readonly pages: Pages
  readonly addressOf: Visitors['addressOf']
  readonly #outbound: OutboundClient
  readonly #signIn: SignIn

  constructor(parts: WebSideParts) {
    const { config, storage, xmpp, clock, log, random } = parts
    const { board, domains, publications, forgotten, links } = parts.presence
    const { link, roster: contacts } = xmpp
    const { publicUrl, trustProxy } = config.http

    // Accounts
    // Who was deleted is no contact any more, and comes back by signing in.
    const isContact = (user: BareJid) => contacts?.mayWatch(user) || forgotten.has(user)
    const isServed = (user: BareJid) => domains.has(domainOf(user)) || (contacts !== null && isContact(user))
    const address = (user: BareJid) => (contacts ?? domains).address(user)
    const mayReach = (user: BareJid) => config.signIn.domains === 'any' || isServed(user)
    this.notices = new AppNotices(link, { publicUrl, mayReach, address })
    this.#messages = new SignInMessages(link, clock, {
      publicUrl,
      mayReach,
      address,
      self: config.xmpp.connection === 'account' ? (parseStanzaJid(config.xmpp.jid)?.bare ?? null) : null,
    })
    this.#signIn = new SignIn(this.#messages, clock, random)
    const requests = new SignInRequests(this.#signIn, () => link.online, random)
    const sessions = new Sessions(storage.sessions, clock, random, (user) => this.accounts.signedIn(user))
    const tokens = new PersonalTokens(storage.personalTokens, clock, random, forgotten)
    const secret = storage.secret('csrf', random)
    const distrusted = (proxy: string) =>
      log.warn({ proxy }, 'http.trustProxy does not name this proxy: everybody behind it counts as one address')
    const visitors = new Visitors(sessions, tokens, { publicUrl, trustProxy, distrusted, secret })
    this.addressOf = visitors.addressOf

    // Applications
    this.#outbound = new OutboundClient(config.outbound.allowPrivate, clock)
    const appsSecret = storage.secret('apps', random)
    this.apps = new Apps({
      store: storage.apps,
      outbound: this.#outbound,
      clock,
      random,
      secret: appsSecret,
      forgotten,
    })

    const presenceTokens = new PresenceTokens(publicUrl, storage.secret('presence tokens', random), clock)
    this.grants = new Grants({
      store: storage.grants,
      apps: this.apps,
      outbound: this.#outbound,
      tokens: presenceTokens,
      forgotten,
      clock,
      random,
    })

    this.apps.onStop(({ gone }) => this.grants.gone(gone))
    // The app waits for word of her, though perhaps nobody has seen her yet.
    this.grants.onChange(({ after }) => {
      if (after && domains.has(domainOf(after.user)) && xmpp.mayExpect(after.user)) board.expect(after.user)
    })
    this.accounts = new Accounts({
      store: storage.accounts,
      forgotten,
      links,
      publications,
      board,
      domains,
      grants: this.grants,
      apps: this.apps,
      sources: xmpp,
    })

    this.routes = [
      (router) => signInRoutes(router, { requests, signIn: this.#signIn, visitors, domains }),
      (router) => sessionRoutes(router, { sessions, visitors }),
      (router) => tokenRoutes(router, { tokens, visitors }),
      (router) => appRoutes(router, { apps: this.apps, webhooks: parts.webhooks, visitors, publicUrl, domains }),
      (router) => webhookRoutes(router, { apps: this.apps, webhooks: parts.webhooks, visitors }),
      (router) => appIconRoute(router, this.apps),
      (router) => jwksRoute(router, presenceTokens),
      (router) =>
        meRoutes(router, { accounts: this.accounts, grants: this.grants, visitors, domains, clock, publicUrl }),
    ]
    this.view = new PublicView(board, domains, publications, links)
    const servedOnly = config.signIn.domains === 'served'
    this.pages = new Pages({
      publicUrl,
      visitors,
      address,
      domains,
      signIn: this.#signIn,
      signInRequests: requests,
      // Whose contacts they are is nobody's business, so it is by domain alone.
      mayReach: (user) => !servedOnly || contacts !== null || domains.has(domainOf(user)),
      servedOnly,
      sessions,
      tokens,
      apps: this.apps,
      webhooks: parts.webhooks,
      grants: this.grants,
      view: this.view,
      accounts: this.accounts,
      publicationOf: (domain) => config.domains.get(domain)?.publish ?? 'none',
    })
  }

  /** A `<message>` from whomever; false: it is not for us. */
  heard(message: XmlElement): boolean {
    return this.#messages.heard(message, this.#signIn)
  }

  async stop(): Promise<void> {
    this.#outbound.close()
  }
}
