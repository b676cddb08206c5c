import type { AccountSources } from '../apps/accounts.js'
import type { Config } from '../config.js'
import type { Log } from '../ops/log.js'
import type { Clock } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import type { BareJid } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { AccountLink } from '../xmpp/account-link.js'
import type { AccountRoster, RosterCounts } from '../xmpp/account-roster.js'
import type { ComponentLink } from '../xmpp/component-link.js'
import type { LinkObserver, Randomness } from '../xmpp/guarded-link.js'
import type { LinkHandler } from '../xmpp/link.js'
import type { Server } from '../xmpp/server-identity.js'
import type { RouterParts, StanzaCounter } from '../xmpp/stanza-router.js'
import type { SubscriptionSource } from '../xmpp/subscription-source.js'

export interface XmppSideParts {
  readonly config: Config
  readonly board: PresenceBoard
  readonly domains: Domains
  readonly clock: Clock
  readonly random: Randomness
  readonly log: Log
  readonly observer: LinkObserver
  readonly counter: StanzaCounter
  readonly heard: RouterParts['heard']
}

/** Where presence comes from: the connection to the server, and all that is made of it. */
export interface XmppSide extends AccountSources {
  readonly link: ComponentLink | AccountLink
  readonly router: LinkHandler
  /** Who let a component see her; null: it is an account. */
  readonly subscriptions: SubscriptionSource | null
  /** That of an account; null: it is a component, which has none of its own. */
  readonly roster: AccountRoster | null
  /** She was given a roster with the component in it. */
  rostered(user: BareJid): void
  report(): Promise<SideReport>
  stop(): Promise<void>
}

export interface DomainReport {
  readonly domain: string
  /** null: the server has not said. */
  readonly server: Server | null
  readonly privileged: boolean
  /** Users who let us see them. */
  readonly subscribed: number
  /** Users whom we see because their rosters have us. */
  readonly rostered: number
  /** Whether we may write rosters, and what is wrong with it, as it was just tried; null: we may not. */
  readonly rosterPrivilege: { readonly fault: string | null } | null
}

/** Of a plain account. */
export interface AccountReport extends RosterCounts {
  /** By TLS. */
  readonly encrypted: boolean
}

export interface SideReport {
  /** null: it is a component. */
  readonly account: AccountReport | null
  /** What it is the component for. */
  readonly domains: readonly DomainReport[]
  /** null when it is not configured. */
  readonly ejabberdApi: { readonly error: string | null } | null
}
