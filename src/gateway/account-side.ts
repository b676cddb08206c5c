import type { BareJid } from '../presence/jid.js'
import { VERSION } from '../version.js'
import { AccountLink } from '../xmpp/account-link.js'
import { AccountReconciler } from '../xmpp/account-reconciler.js'
import { AccountRoster } from '../xmpp/account-roster.js'
import { AccountRouter } from '../xmpp/account-router.js'
import { ServiceDiscovery } from '../xmpp/service-discovery.js'
import { presence } from '../xmpp/stanzas.js'
import { streamBounds } from '../xmpp/xml-stream-reader.js'
import type { SideReport, XmppSide, XmppSideParts } from './xmpp-side.js'

/** The XMPP side of a gateway that is a plain account: whom its roster lets it see. */
export class AccountSide implements XmppSide {
  readonly link: AccountLink
  /** Whom it sees, its roster says, and nothing else. */
  readonly subscriptions = null
  readonly roster: AccountRoster
  readonly router: AccountRouter
  readonly #reconciler: AccountReconciler

  constructor({ config, board, domains, clock, random, log, observer, counter, heard }: XmppSideParts) {
    const { service, jid, password, verifyEvery } = config.xmpp
    const domain = jid.slice(jid.lastIndexOf('@') + 1)
    this.link = new AccountLink(
      { service, jid, password, bounds: streamBounds(config.limits.stanza) },
      clock,
      random,
      observer,
    )
    this.roster = new AccountRoster(this.link, jid, domains, {
      granted: (user) => reconciler.granted(user),
      withdrawn: (user) => reconciler.withdrawn(user),
    })
    const reconciler = new AccountReconciler(
      this.link,
      board,
      this.roster,
      clock,
      { domain, verifyEveryMs: verifyEvery },
      {
        identified: (server, contacts) => log.info({ server, contacts }, 'roster fetched'),
        rosterMissing: (why) => log.warn({ why }, 'the server does not give the roster; nobody is seen'),
      },
    )
    this.#reconciler = reconciler
    const startedAt = clock.now()
    const uptime = () => Math.floor((clock.now() - startedAt) / 1000)
    const discovery = new ServiceDiscovery(this.link, null, VERSION, uptime)
    const parts = { link: this.link, board, roster: this.roster, reconciler, discovery, heard }
    this.router = new AccountRouter(parts, { domain, textLimit: config.limits.text }, clock, counter)
  }

  /** In whose roster an account is, does not matter. */
  rostered(): void {}

  mayExpect(user: BareJid): boolean {
    return this.roster.has(user)
  }

  forget(user: BareJid): void {
    if (!this.roster.mayWatch(user)) return
    this.link.send(presence(this.roster.address(user), 'unsubscribe'))
    this.link.send(presence(this.roster.address(user), 'unsubscribed'))
  }

  lookUp(user: BareJid): void {
    if (this.roster.has(user)) this.#reconciler.granted(user)
    else this.roster.ask(user).catch(() => {})
  }

  async report(): Promise<SideReport> {
    return { account: { encrypted: this.link.secured, ...this.roster.count() }, domains: [], ejabberdApi: null }
  }

  async stop(): Promise<void> {
    await this.link.stop()
  }
}
