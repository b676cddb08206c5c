import type { Forgotten } from '../accounts/forgotten.js'
import type { Timer } from '../presence/clock.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import { isAvailable } from '../presence/presence.js'
import type { Subscriptions } from '../presence/subscriptions.js'
import { VERSION } from '../version.js'
import { ComponentCard } from '../xmpp/component-card.js'
import { ComponentLink } from '../xmpp/component-link.js'
import { EjabberdHttpApi } from '../xmpp/ejabberd-api.js'
import { PrivilegedSource } from '../xmpp/privileged-source.js'
import { Reconciler, type ReconcilerObserver } from '../xmpp/reconciler.js'
import { RosterLogins } from '../xmpp/roster-logins.js'
import { proveRosterPrivilege } from '../xmpp/roster-privilege.js'
import { ServiceDiscovery } from '../xmpp/service-discovery.js'
import { StanzaRouter } from '../xmpp/stanza-router.js'
import { SubscriptionSource } from '../xmpp/subscription-source.js'
import { streamBounds } from '../xmpp/xml-stream-reader.js'
import type { RosterSide } from './roster-side.js'
import type { DomainReport, SideReport, XmppSide, XmppSideParts } from './xmpp-side.js'

const RETRY_SAVING_MS = 5000
const PARTING_MS = 2000
// Sooner than whoever asks for the report gives up.
const REPORT_MS = 5000

export interface ComponentSideParts extends XmppSideParts {
  readonly subscribers: Subscriptions
  readonly rosterSide: RosterSide
  readonly forgotten: Pick<Forgotten, 'has'>
}

/** The XMPP side of a gateway that is a component: every source of presence that its server and its users open to it. */
export class ComponentSide implements XmppSide {
  readonly link: ComponentLink
  readonly router: StanzaRouter
  readonly subscriptions: SubscriptionSource
  readonly roster = null
  readonly #parts: ComponentSideParts
  readonly #privileged: PrivilegedSource
  readonly #reconciler: Reconciler
  readonly #logins: RosterLogins
  #unsaved: Timer | null = null
  #stopped = false
  /** undefined: it is not configured; null: all is well. */
  #apiFault: string | null | undefined

  constructor(parts: ComponentSideParts) {
    this.#parts = parts
    const { config, board, domains, subscribers, rosterSide, clock, random, observer, counter, heard } = parts
    const refuses = (user: BareJid) => parts.forgotten.has(user)
    const { xmpp, limits } = config
    const { service, domain, secret } = xmpp
    const sources = new Set<string>(xmpp.sources)
    this.link = new ComponentLink(
      { service, domain, secret, bounds: streamBounds(limits.stanza) },
      clock,
      random,
      observer,
    )
    const privileged = new PrivilegedSource(domains, sources.has('privileged'))
    const card = new ComponentCard(config.http.publicUrl)
    const consent = {
      granted: (user: BareJid) => {
        board.expect(user)
        reconciler.granted(user, domainOf(user))
      },
      withdrawn: (user: BareJid) => {
        if (!privileged.has(domainOf(user))) board.forget(user)
      },
      unsaved: () => this.#saveLater(),
    }
    const subscriptions = new SubscriptionSource(
      this.link,
      card,
      clock,
      domains,
      subscribers,
      consent,
      sources,
      refuses,
    )
    const api = xmpp.ejabberdApi ? new EjabberdHttpApi(xmpp.ejabberdApi, limits.text) : null
    if (api) this.#apiFault = null
    const reconciler = new Reconciler(
      this.link,
      board,
      clock,
      { domains, verifyEveryMs: xmpp.verifyEvery },
      { privileged, subscriptions, api },
      this.#told(),
    )
    this.#logins = new RosterLogins({
      clock,
      isOnline: (user) => isAvailable(board.get(user, domainOf(user))?.show ?? 'unknown'),
      probe: (user) => {
        if (subscriptions.has(user)) reconciler.granted(user, domainOf(user))
      },
    })
    const startedAt = clock.now()
    const uptime = () => Math.floor((clock.now() - startedAt) / 1000)
    const discovery = new ServiceDiscovery(this.link, card, VERSION, uptime)
    const rosters = rosterSide.writeOver(this.link, privileged, subscriptions)
    this.router = new StanzaRouter(
      { board, privileged, rosters, subscriptions, reconciler, discovery, heard },
      { domains, sources, textLimit: limits.text },
      clock,
      counter,
    )
    this.subscriptions = subscriptions
    this.#privileged = privileged
    this.#reconciler = reconciler
  }

  rostered(user: BareJid): void {
    this.subscriptions.rostered(user)
    this.#logins.given(user)
  }

  mayExpect(user: BareJid): boolean {
    return !this.#parts.subscribers.hasRefused(user)
  }

  forget(user: BareJid): void {
    this.subscriptions.forget(user)
  }

  lookUp(user: BareJid): void {
    const { config, domains, rosterSide } = this.#parts
    const domain = domainOf(user)
    if (!domains.has(domain)) return
    this.#reconciler.lookUp(user, domain)
    // What fails is tried on, and said in the log, there.
    rosterSide.refresh(domain, [user]).catch(() => {})
    if (this.#privileged.has(domain) || !config.xmpp.sources.includes('subscription')) return
    this.subscriptions.ask(user).catch(() => this.#saveLater())
  }

  async report(): Promise<SideReport> {
    const ejabberdApi = this.#apiFault === undefined ? null : { error: this.#apiFault }
    const domains = await Promise.all([...this.#parts.domains].map((domain) => this.#reportOn(domain)))
    return { account: null, domains, ejabberdApi }
  }

  async stop(): Promise<void> {
    this.#logins.stop()
    // Whom it does not reach in time will notice by themselves.
    let patience: Timer | undefined
    const enough = new Promise<void>((resolve) => {
      patience = this.#parts.clock.after(PARTING_MS, resolve)
    })
    await Promise.race([this.subscriptions.announce('unavailable'), enough])
    patience?.cancel()
    await this.link.stop()
    this.#stopped = true
    this.#unsaved?.cancel()
  }

  async #reportOn(domain: string): Promise<DomainReport> {
    const seen = this.subscriptions.countIn(domain)
    return {
      domain,
      server: this.#reconciler.serverOf(domain),
      privileged: this.#privileged.has(domain),
      subscribed: seen.subscription,
      rostered: seen.roster,
      rosterPrivilege: this.#privileged.writesRosters(domain)
        ? { fault: await proveRosterPrivilege(this.link, this.#parts.domains.written(domain), REPORT_MS) }
        : null,
    }
  }

  #saveLater(): void {
    if (this.#stopped) return
    this.#unsaved ??= this.#parts.clock.after(RETRY_SAVING_MS, () => {
      this.#unsaved = null
      this.#parts.subscribers.saveUnsaved().catch(() => this.#saveLater())
    })
  }

  #told(): ReconcilerObserver {
    const { log, config } = this.#parts
    return {
      identified: (domain, server) => log.info({ domain, server }, 'server identified'),
      unanswered: (domain, why) => log.warn({ domain, why }, 'the server does not answer for this domain'),
      blind: (domain, server) => {
        const mend = server === 'ejabberd' ? '; set xmpp.ejabberdApi' : ': the server is neither Prosody nor ejabberd'
        log.warn({ domain }, `who was online before cannot be known${mend}`)
      },
      missed: () =>
        log.warn({ domain: config.xmpp.domain }, 'another link of this component was there; all is proven anew'),
      snapshot: (domain, sessions) => {
        if (this.#apiFault) log.info({ domain, sessions }, "ejabberd's API answers again")
        this.#apiFault = null
      },
      snapshotFailed: (why, retryInMs) => {
        if (why !== this.#apiFault) log.warn({ why, retryInMs }, "ejabberd's API fails")
        this.#apiFault = why
      },
    }
  }
}
