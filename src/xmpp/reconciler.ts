import type { Clock } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import type { Mark } from '../presence/eras.js'
import type { BareJid } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { EjabberdApi } from './ejabberd-api.js'
import { fence } from './fence.js'
import type { Link } from './link.js'
import { pingUnheard } from './ping-unheard.js'
import type { PrivilegedSource } from './privileged-source.js'
import { type ProbeParts, Probes } from './probes.js'
import { identify, type Server } from './server-identity.js'
import { type SnapshotObserver, Snapshots } from './snapshots.js'
import type { SubscriptionSource } from './subscription-source.js'
import { Uptime } from './uptime.js'

export interface ReconcilerOptions {
  readonly domains: Domains
  /** How long a resource may stay unheard of before it is doubted, where doubt is needed. */
  readonly verifyEveryMs: number
}

export interface ReconcilerObserver extends SnapshotObserver {
  identified(domain: string, server: Server): void
  /** The server does not answer for a domain that we serve. */
  unanswered(domain: string, why: string): void
  /** Privileged on ejabberd without its API: nobody can know who was online before. */
  blind(domain: string, server: Server): void
  /** Another link of ours was there; all is proven anew. */
  missed(): void
}

/** A domain on the present link. */
interface DomainState {
  readonly name: string
  /** Both null until it is identified. */
  server: Server | null
  probes: Probes | null
  /** When its privileges were announced, which is before its replay. */
  announced: Mark
  /** Where the last round of doubts began. */
  doubted: Mark
}

const IDENTIFY_AGAIN_MS = 10_000
const FENCE_AGAIN_MS = 100
const SNAPSHOT_AGAIN_MS = 5000
// Whoever finds that another link has the place gives way at once, and has five seconds to close.
const OTHER_LINK_MS = 6000

/**
 * Turns what was heard into what is so: after each connect it chooses, for each domain, the means that its server has to
 * find out who is there and who no longer is. No single means works on every server (docs/architecture.md).
 */
export class Reconciler {
  readonly #parts: ProbeParts
  readonly #board: PresenceBoard
  readonly #clock: Clock
  readonly #options: ReconcilerOptions
  readonly #privileged: PrivilegedSource
  readonly #api: EjabberdApi | null
  readonly #observer: ReconcilerObserver
  /** What belongs to one link is made anew for the next. */
  #uptime: Uptime
  readonly #domains = new Map<string, DomainState>()
  #snapshots: Snapshots | null = null
  /** Until what another link may have taken from ours is found out. */
  #missing = false

  constructor(
    link: Link,
    board: PresenceBoard,
    clock: Clock,
    options: ReconcilerOptions,
    sources: { privileged: PrivilegedSource; subscriptions: SubscriptionSource; api: EjabberdApi | null },
    observer: ReconcilerObserver,
  ) {
    this.#parts = { link, board, domains: options.domains, subscriptions: sources.subscriptions }
    this.#board = board
    this.#clock = clock
    this.#options = options
    this.#privileged = sources.privileged
    this.#api = sources.api
    this.#observer = observer
    this.#uptime = new Uptime(clock)
  }

  up(): void {
    const { domains, verifyEveryMs } = this.#options
    this.#board.linkUp()
    this.#uptime = new Uptime(this.#clock)
    this.#missing = false
    if (this.#api) {
      const retryInMs = Math.min(SNAPSHOT_AGAIN_MS, verifyEveryMs)
      this.#snapshots = new Snapshots(this.#api, this.#board, this.#uptime, retryInMs, this.#observer)
    }
    for (const name of domains) {
      const mark = this.#board.mark()
      const domain: DomainState = { name, server: null, probes: null, announced: mark, doubted: mark }
      this.#domains.set(name, domain)
      // Until it is known which server it is, and whether it has a proof to give.
      this.#board.awaitProof(name)
      void this.#identify(domain)
    }
    this.#uptime.every(verifyEveryMs, () => this.#verify())
  }

  down(): void {
    this.#board.linkDown()
    this.#uptime.end()
    this.#domains.clear()
    this.#snapshots = null
  }

  /** The server announced privileges for a domain; what it replays comes after this. */
  privilegeAnnounced(name: string): void {
    const domain = this.#domains.get(name)
    if (!domain) return
    domain.announced = this.#board.mark()
    if (!this.#privileged.has(name)) return this.#unprivileged(domain)
    if (domain.server) this.#cover(domain)
  }

  /** Taken back: nothing more is heard of her users, but of those who granted it themselves. */
  #unprivileged(domain: DomainState): void {
    this.#board.uncover(domain.name)
    this.#board.takeWord(domain.name)
    this.#snapshots?.drop(domain.name)
    this.#probe(domain)
  }

  /** What was heard may not be all that was said: nobody is live before everybody is proven anew. */
  missed(): void {
    for (const domain of this.#domains.values()) {
      // Prosody knows one link only.
      if (domain.server === 'prosody') continue
      this.#board.uncover(domain.name)
      if (this.#snapshots && this.#privileged.has(domain.name)) this.#board.awaitProof(domain.name)
      domain.doubted = this.#board.mark()
    }
    if (this.#missing) return
    this.#missing = true
    this.#observer.missed()
    this.#uptime.after(OTHER_LINK_MS, () => {
      this.#missing = false
      this.#verify()
    })
  }

  /** A user's presence may be taken in from now on. */
  granted(user: BareJid, domain: string): void {
    if (!this.#privileged.has(domain)) this.#domains.get(domain)?.probes?.add([user])
  }

  /**
   * Nobody listened to her until now. Where nothing can tell, she is heard of when she speaks. Prosody takes a probe of who has not
   * granted for a refusal of hers, and forgets that she is being asked.
   */
  lookUp(user: BareJid, domain: string): void {
    const state = this.#domains.get(domain)
    if (this.#privileged.has(domain) && state?.server === 'ejabberd' && this.#snapshots) this.#snapshots.cover(domain)
    else if (this.#parts.subscriptions.has(user)) state?.probes?.add([user])
  }

  /** A resource spoke. */
  heard(user: BareJid, resource: string | null): void {
    this.#snapshots?.heard(user, resource)
  }

  serverOf(domain: string): Server | null {
    return this.#domains.get(domain)?.server ?? null
  }

  async #identify(domain: DomainState): Promise<void> {
    const uptime = this.#uptime
    const { link, domains } = this.#parts
    const host = domains.written(domain.name)
    const identity = await identify(link, host)
    if (!uptime.lasts) return
    if (identity.server === null) {
      this.#board.takeWord(domain.name)
      this.#observer.unanswered(domain.name, identity.why)
      return uptime.after(IDENTIFY_AGAIN_MS, () => void this.#identify(domain))
    }
    domain.server = identity.server
    domain.probes = new Probes(this.#parts, uptime, domain.server === 'prosody' ? host : null)
    this.#observer.identified(domain.name, domain.server)
    if (this.#privileged.has(domain.name)) return this.#cover(domain)
    this.#board.takeWord(domain.name)
    this.#probe(domain)
  }

  /** Of a privileged domain everybody can be proven, unless its server has no means for it. */
  #cover(domain: DomainState): void {
    domain.probes?.clear()
    const { name, server } = domain
    const snapshots = server === 'ejabberd' ? this.#snapshots : null
    if (server !== 'prosody' && !snapshots) {
      this.#board.takeWord(name)
      return this.#observer.blind(name, server ?? 'other')
    }
    this.#board.awaitProof(name)
    if (snapshots) snapshots.cover(name)
    else void this.#endReplay(domain)
  }

  /** Prosody replays everybody at once; the answer to whatever is asked after that ends the replay. */
  async #endReplay(domain: DomainState): Promise<void> {
    const uptime = this.#uptime
    const since = domain.announced
    const { link, domains } = this.#parts
    const answer = await fence(link, domains.written(domain.name))
    if (!uptime.lasts) return
    // Only an answer ends the replay; without one it is asked for again.
    if (answer !== 'passed') {
      return uptime.after(answer === 'timeout' ? 0 : FENCE_AGAIN_MS, () => void this.#endReplay(domain))
    }
    if (this.#privileged.has(domain.name)) await this.#board.settleDomain(domain.name, since)
  }

  #probe(domain: DomainState): void {
    domain.probes?.add(this.#parts.subscriptions.grantedIn(domain.name))
  }

  /** Where the server does not report every end of a session, silence is doubted from time to time. */
  #verify(): void {
    for (const domain of this.#domains.values()) {
      if (domain.server === null || domain.server === 'prosody') continue
      if (!this.#privileged.has(domain.name)) this.#probe(domain)
      else if (domain.server === 'ejabberd') this.#doubt(domain)
    }
  }

  #doubt(domain: DomainState): void {
    if (this.#snapshots) return this.#snapshots.cover(domain.name)
    const since = domain.doubted
    domain.doubted = this.#board.mark()
    void pingUnheard(this.#parts, this.#uptime, domain.name, since)
  }
}
