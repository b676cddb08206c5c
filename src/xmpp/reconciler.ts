import { xml } from '@xmpp/component'
import type { Clock, Timer } from '../presence/clock.js'
import type { Domains } from '../presence/domains.js'
import type { Mark } from '../presence/eras.js'
import type { BareJid } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { EjabberdApi } from './ejabberd-api.js'
import type { IqAnswer, Link } from './link.js'
import type { PrivilegedSource } from './privileged-source.js'
import { identify, type Server } from './server-identity.js'
import { NS, presence } from './stanzas.js'
import type { SubscriptionSource } from './subscription-source.js'

export interface ReconcilerOptions {
  readonly domains: Domains
  /** How long a resource may stay unheard of before it is doubted, where doubt is needed. */
  readonly verifyEveryMs: number
}

export interface ReconcilerObserver {
  identified(domain: string, server: Server): void
  /** The server does not answer for a domain that we serve. */
  unanswered(domain: string, why: string): void
  /** Privileged on ejabberd without its API: nobody can know who was online before. */
  blind(domain: string, server: Server): void
  snapshot(domain: string, sessions: number): void
  snapshotFailed(why: string, retryInMs: number): void
}

interface DomainState {
  readonly name: string
  server: Server | null
  /** Users to be probed, each once. */
  readonly toProbe: Set<BareJid>
  probing: boolean
  /** Where the last round of doubts began. */
  doubted: Mark
  /** When its privileges were announced, which is before its replay. */
  announced: Mark
}

// RFC 6121 §4.3.2 lets a server answer a probe with silence.
const PROBE_WINDOW_MS = 10_000
const PROBES_AT_ONCE = 100
const PROBE_PAUSE_MS = 100
// Sessions or users looked at before the event loop has its turn.
const SLICE = 2000
const SNAPSHOT_RETRY_MS = 5000

/**
 * Turns what was heard into what is so: after each connect it finds out, by the means that the server has, who is there
 * and who no longer is, and tells the board what is proven. No single means works on every server (docs/architecture.md).
 */
export class Reconciler {
  readonly #link: Link
  readonly #board: PresenceBoard
  readonly #clock: Clock
  readonly #options: ReconcilerOptions
  readonly #privileged: PrivilegedSource
  readonly #subscriptions: SubscriptionSource
  readonly #api: EjabberdApi | null
  readonly #observer: ReconcilerObserver
  readonly #domains: Map<string, DomainState>
  readonly #timers = new Set<Timer>()
  /** Full JIDs heard from since a snapshot was asked for: it may be older than what they said. */
  #touched: Set<string> | null = null
  /** Counts links, so that what was begun on an earlier one ends. */
  #epoch = 0
  #snapshotWanted = false

  constructor(
    link: Link,
    board: PresenceBoard,
    clock: Clock,
    options: ReconcilerOptions,
    sources: { privileged: PrivilegedSource; subscriptions: SubscriptionSource; api: EjabberdApi | null },
    observer: ReconcilerObserver,
  ) {
    this.#link = link
    this.#board = board
    this.#clock = clock
    this.#options = options
    this.#privileged = sources.privileged
    this.#subscriptions = sources.subscriptions
    this.#api = sources.api
    this.#observer = observer
    this.#domains = new Map(
      [...options.domains].map((name) => [
        name,
        { name, server: null, toProbe: new Set(), probing: false, doubted: 0, announced: 0 },
      ]),
    )
  }

  up(): void {
    this.#board.linkUp()
    for (const domain of this.#domains.values()) {
      domain.doubted = this.#board.mark()
      domain.announced = domain.doubted
      // Until it is known which server it is, and that it has a proof to give.
      this.#board.takeWord(domain.name)
      for (const user of this.#subscriptions.grantedIn(domain.name)) domain.toProbe.add(user)
      void this.#identify(domain)
    }
    this.#every(this.#options.verifyEveryMs, () => this.#verify())
  }

  down(): void {
    this.#epoch++
    this.#board.linkDown()
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#touched = null
    this.#snapshotWanted = false
    for (const domain of this.#domains.values()) {
      domain.server = null
      domain.probing = false
      domain.toProbe.clear()
    }
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
    for (const user of this.#subscriptions.grantedIn(domain.name)) domain.toProbe.add(user)
    void this.#probe(domain)
  }

  /** A user's presence may be taken in from now on. */
  granted(user: BareJid, domainName: string): void {
    const domain = this.#domains.get(domainName)
    if (!domain || this.#privileged.has(domainName)) return
    domain.toProbe.add(user)
    void this.#probe(domain)
  }

  /** A resource spoke. */
  heard(user: BareJid, resource: string | null): void {
    this.#touched?.add(`${user}/${resource ?? ''}`)
  }

  serverOf(domain: string): Server | null {
    return this.#domains.get(domain)?.server ?? null
  }

  async #identify(domain: DomainState): Promise<void> {
    const epoch = this.#epoch
    const identity = await identify(this.#link, this.#options.domains.written(domain.name))
    if (epoch !== this.#epoch || domain.server) return
    if (identity.server === null) {
      this.#observer.unanswered(domain.name, identity.why)
      return this.#after(PROBE_WINDOW_MS, () => void this.#identify(domain))
    }
    domain.server = identity.server
    this.#observer.identified(domain.name, domain.server)
    this.#cover(domain)
    void this.#probe(domain)
  }

  #cover(domain: DomainState): void {
    if (!this.#privileged.has(domain.name)) return
    domain.toProbe.clear()
    const provable = domain.server === 'prosody' || (domain.server === 'ejabberd' && this.#api !== null)
    if (!provable) return this.#observer.blind(domain.name, domain.server ?? 'other')
    this.#board.awaitProof(domain.name)
    if (domain.server === 'prosody') void this.#fence(domain)
    else this.#wantSnapshot(0)
  }

  /** Prosody replays everybody at once; the answer to whatever is asked after that ends the replay. */
  async #fence(domain: DomainState): Promise<void> {
    const epoch = this.#epoch
    const since = domain.announced
    const answer = await this.#askHost(domain)
    if (epoch !== this.#epoch) return
    // Only an answer ends the replay; without one it is asked for again.
    if (answer.kind === 'timeout' || answer.kind === 'link-down') {
      return this.#after(answer.kind === 'timeout' ? 0 : PROBE_PAUSE_MS, () => void this.#fence(domain))
    }
    if (this.#privileged.has(domain.name)) await this.#board.settleDomain(domain.name, since)
  }

  #wantSnapshot(inMs: number): void {
    if (this.#snapshotWanted) return
    this.#snapshotWanted = true
    this.#after(inMs, () => void this.#snapshot())
  }

  async #snapshot(): Promise<void> {
    const epoch = this.#epoch
    const since = this.#board.mark()
    const touched = new Set<string>()
    this.#touched = touched
    try {
      const sessions = (await this.#api?.sessions()) ?? []
      if (epoch !== this.#epoch) return
      const here = new Map<string, number>()
      for (const { name, server } of this.#domains.values()) {
        if (server === 'ejabberd' && this.#privileged.has(name)) here.set(name, 0)
      }
      let slice = SLICE
      for (const { from, show, text, priority } of sessions) {
        const count = here.get(from.domain)
        if (count === undefined) continue
        here.set(from.domain, count + 1)
        if (--slice === 0) {
          slice = SLICE
          await new Promise<void>((resolve) => this.#clock.after(0, resolve))
          if (epoch !== this.#epoch) return
        }
        if (touched.has(`${from.bare}/${from.resource}`) || touched.has(`${from.bare}/`)) continue
        const resource = from.resource ?? ''
        // Of several languages the API shows one of its own choice; what she said herself is better.
        if (this.#board.saidItself(from.bare, resource, show, priority)) this.#board.confirm(from.bare, resource)
        else this.#board.put(from.bare, resource, { show, text, priority, stampedAt: null, idleSince: undefined })
      }
      for (const [name, count] of here) {
        await this.#board.settleDomain(name, since)
        this.#observer.snapshot(name, count)
      }
      this.#snapshotWanted = false
    } catch (error) {
      if (epoch !== this.#epoch) return
      this.#snapshotWanted = false
      const retryInMs = Math.min(SNAPSHOT_RETRY_MS, this.#options.verifyEveryMs)
      // Nobody knows for how long.
      for (const { name, server } of this.#domains.values()) if (server === 'ejabberd') this.#board.takeWord(name)
      this.#observer.snapshotFailed((error as Error).message, retryInMs)
      this.#wantSnapshot(retryInMs)
    } finally {
      if (this.#touched === touched) this.#touched = null
    }
  }

  /** Probes whoever waits for it, in batches; a batch is proven when the server has had its time to answer. */
  async #probe(domain: DomainState): Promise<void> {
    if (domain.probing || !domain.server) return
    const epoch = this.#epoch
    domain.probing = true
    while (domain.toProbe.size > 0) {
      const since = this.#board.mark()
      const batch = [...take(domain.toProbe, PROBES_AT_ONCE)]
      for (const user of batch) {
        domain.toProbe.delete(user)
        this.#link.send(presence(this.#options.domains.address(user), 'probe'))
      }
      if (domain.server === 'prosody') await this.#endBatchByFence(domain, batch, since)
      else this.#after(PROBE_WINDOW_MS, () => this.#endBatch(batch, since))
      await this.#link.drained()
      await new Promise<void>((resolve) => this.#clock.after(PROBE_PAUSE_MS, resolve))
      if (epoch !== this.#epoch) return
    }
    domain.probing = false
  }

  async #endBatchByFence(domain: DomainState, batch: readonly BareJid[], since: Mark): Promise<void> {
    const answer = await this.#askHost(domain)
    if (answer.kind === 'result' || answer.kind === 'error') this.#endBatch(batch, since)
    else if (this.#link.online) for (const user of batch) domain.toProbe.add(user)
  }

  #endBatch(batch: readonly BareJid[], since: Mark): void {
    for (const user of batch) if (this.#subscriptions.has(user)) this.#board.settle(user, since)
  }

  /** Where the server does not report every end of a session, silence is doubted from time to time. */
  #verify(): void {
    for (const domain of this.#domains.values()) {
      if (domain.server === null || domain.server === 'prosody') continue
      const privileged = this.#privileged.has(domain.name)
      if (!privileged) {
        for (const user of this.#subscriptions.grantedIn(domain.name)) domain.toProbe.add(user)
        void this.#probe(domain)
      } else if (domain.server === 'ejabberd') {
        if (this.#api) this.#wantSnapshot(0)
        else void this.#ping(domain)
      }
    }
  }

  /** Without the API a ping is all there is: `service-unavailable` counts as proof here, and here only. */
  async #ping(domain: DomainState): Promise<void> {
    const epoch = this.#epoch
    const since = domain.doubted
    domain.doubted = this.#board.mark()
    let asked = 0
    let looked = 0
    for (const user of this.#board.usersOf(domain.name)) {
      if (++looked % SLICE === 0) await new Promise<void>((resolve) => this.#clock.after(0, resolve))
      if (epoch !== this.#epoch) return
      for (const resource of this.#board.unheard(user, since)) {
        void this.#link
          .request(`${this.#options.domains.address(user)}/${resource}`, 'get', xml('ping', { xmlns: NS.ping }))
          .then((answer) => {
            if (epoch !== this.#epoch || answer.kind === 'link-down' || answer.kind === 'timeout') return
            const gone = answer.kind === 'error' && answer.condition === 'service-unavailable'
            if (gone) this.#board.remove(user, resource, null, null)
            else this.#board.confirm(user, resource)
          })
        if (++asked % PROBES_AT_ONCE > 0) continue
        await new Promise<void>((resolve) => this.#clock.after(PROBE_PAUSE_MS, resolve))
        if (epoch !== this.#epoch) return
      }
    }
  }

  #askHost({ name }: DomainState): Promise<IqAnswer> {
    return this.#link.request(this.#options.domains.written(name), 'get', xml('query', { xmlns: NS.discoInfo }))
  }

  #after(ms: number, run: () => void): void {
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }

  #every(ms: number, run: () => void): void {
    this.#after(ms, () => {
      run()
      this.#every(ms, run)
    })
  }
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
