import type { Clock } from './clock.js'
import { detached } from './detached.js'
import { DomainUsers } from './domain-users.js'
import { BEFORE_ALL, Eras, type Mark } from './eras.js'
import { type BareJid, domainOf } from './jid.js'
import type { AvailableShow, Freshness, ResourcePresence, Show, UserPresence } from './presence.js'
import type { StoredPresence } from './presence-store.js'
import {
  addResource,
  electWinner,
  findResource,
  firstResource,
  keepResources,
  limitResources,
  updateResource,
} from './resource.js'
import { type Look, lookOf, NO_TIME, newUser, part, storedPresence, timeOf, type User } from './user.js'

export interface BoardLimits {
  /** Per user; at the limit the least recently changed one is dropped. */
  readonly resources: number
  /** How long after the loss of the link the last known presence is still told, as `stale`. */
  readonly staleAfterMs: number
}

export interface PresenceChange {
  readonly user: BareJid
  readonly domain: string
  readonly before: Show
  readonly after: Show
  readonly was: Look
}

const SWEEP_SLICE = 2000

/** Everyone's current presence, in memory. Knows no server: who may speak and when silence is proof is decided elsewhere. */
export class PresenceBoard {
  readonly #clock: Clock
  readonly #limits: BoardLimits
  /** Who is never put on it. */
  readonly #refuses: (user: BareJid) => boolean
  readonly #seed: number
  /** By the steady clock. */
  readonly #loadedAt: number
  /** What is heard now is heard at it. */
  #mark: Mark = BEFORE_ALL + 1
  /** Where the present link begins; null while there is none. */
  #link: Mark | null = null
  readonly #domains = new Map<string, DomainUsers>()
  /** The one asked for last: mostly it is the same again, which a look at the JID's end tells without cutting it. */
  #last: DomainUsers | null = null
  readonly #listeners = new Set<(change: PresenceChange) => void>()
  readonly #counts: Record<Show, number> = { chat: 0, online: 0, away: 0, xa: 0, dnd: 0, offline: 0, unknown: 0 }
  #order = 0
  #doubts = 0

  /**
   * `loadedAt`: when what is loaded was last known to be so, ms since 1970; by default now. `refuses`: whoever is not on the
   * board is asked for before she comes on it; what was stored counts as admitted. `seed`: see UserTable.
   */
  constructor(
    clock: Clock,
    limits: BoardLimits,
    loadedAt: number | null = null,
    refuses: (user: BareJid) => boolean = () => false,
    seed = 0,
  ) {
    this.#seed = seed
    this.#clock = clock
    this.#limits = limits
    this.#refuses = refuses
    const now = clock.now()
    this.#loadedAt = clock.steady() - Math.max(0, now - (loadedAt ?? now))
  }

  /** Called after each visible change, synchronously, until the returned function is called. Must not throw. */
  onChange(listener: (change: PresenceChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What was known before this start; takes the place of what was loaded of her already. */
  load(stored: StoredPresence): void {
    if (stored.show === 'unknown') return this.forget(stored.user)
    const user = this.#find(stored.user) ?? this.#add(stored.user)
    const { show, text } = stored
    user.covered = BEFORE_ALL
    this.#counts[user.show]--
    this.#counts[show]++
    part(user, text, stored.idleSince ?? stored.shownSince ?? NO_TIME)
    if (show === 'offline') return
    user.show = show
    user.shownSince = stored.shownSince ?? this.#clock.now()
    user.idleSince = stored.idleSince
    user.name = stored.resource ?? ''
    user.priority = stored.priority
    user.changed = 0
    user.heard = BEFORE_ALL
  }

  /** Whether she is not on it, and nothing can put her there. */
  refuses(jid: BareJid): boolean {
    return !this.#find(jid) && this.#refuses(jid)
  }

  stored(jid: BareJid): StoredPresence {
    return storedPresence(jid, this.#find(jid))
  }

  /** For who keeps account of her beside the board; undefined: nobody has heard of her. */
  user(jid: BareJid): User | undefined {
    return this.#find(jid)
  }

  /** Whether she is in no later batch, as far as the board knows. */
  isLastIn(jid: BareJid, batch: number): boolean {
    const last = this.#find(jid)?.batch
    return !last || last === batch
  }

  get size(): number {
    let size = 0
    for (const { users } of this.#domains.values()) size += users.size
    return size
  }

  /** How often it has come to doubt what it knew of many at once: while this is the same, who is live stays so. */
  get doubts(): number {
    return this.#doubts
  }

  /** The link is up: nobody is covered yet. */
  linkUp(): void {
    this.#doubts++
    this.#link = this.mark()
    for (const { eras } of this.#domains.values()) eras.begin(this.#link)
  }

  /** The link is gone: nobody changes, everybody is `stale` from now on. */
  linkDown(): void {
    this.#doubts++
    this.#link = null
    for (const { eras } of this.#domains.values()) eras.end()
  }

  /** What was proven of a domain holds no longer: its users are `stale` until something is heard of them again. */
  uncover(domain: string): void {
    this.#doubts++
    if (this.#link !== null) this.#domain(domain).eras.begin(this.mark())
  }

  /**
   * A proof for the whole domain is on its way: until it is there nobody is live for what was heard of her, since she may have
   * resources of which nothing was heard.
   */
  awaitProof(domain: string): void {
    this.#doubts++
    this.#domain(domain).proofDue = true
  }

  /** No such proof is to be had: whoever was heard on this link, and of whom nothing older is left, is live. As at first. */
  takeWord(domain: string): void {
    this.#domain(domain).proofDue = false
  }

  mark(): Mark {
    return ++this.#mark
  }

  /** A resource said what it is. */
  put(jid: BareJid, name: string, said: ResourcePresence): void {
    const user = this.#ensure(jid)
    if (!user) return
    const before = lookOf(user)
    const now = this.#clock.now()
    const saidAt = Math.min(said.stampedAt ?? now, now)
    const priority = Math.trunc(Math.max(-128, Math.min(127, said.priority)))
    const known = findResource(user, name)
    const resource = known ?? addResource(user, detached(name))
    resource.heard = this.#mark
    if (updateResource(resource, said, priority, saidAt, now)) resource.changed = ++this.#order
    if (!known) limitResources(user, resource, this.#limits.resources)
    user.domain.heard(user, this.#mark)
    this.#elect(user, before)
  }

  /** Whether it said just that much itself on the present link. */
  saidItself(jid: BareJid, name: string, show: AvailableShow, priority: number): boolean {
    const user = this.#find(jid)
    const resource = user && findResource(user, name)
    if (!resource || !user.domain.eras.isPresent(resource.heard)) return false
    return resource.show === show && resource.priority === priority
  }

  /** It is there, whatever it last said. */
  confirm(jid: BareJid, name: string): void {
    const user = this.#find(jid)
    const resource = user && findResource(user, name)
    if (!resource) return
    resource.heard = this.#mark
    user.domain.heard(user, this.#mark)
  }

  /**
   * A resource is gone; `name` null: all of them are. `at`: when, ms since 1970, if it is known to have been earlier
   * than now; `text`: its parting words.
   */
  remove(jid: BareJid, name: string | null, text: string | null, at: number | null): void {
    // That all of her is gone says nothing of somebody whom nobody knows.
    const user = name === null ? this.#find(jid) : this.#ensure(jid)
    if (!user) return
    const before = lookOf(user)
    const wasOffline = user.show === 'offline'
    if (!wasOffline && name !== null && keepResources(user, (resource) => resource.name !== name)) {
      user.domain.heard(user, this.#mark)
      return this.#elect(user, before)
    }
    // She came and went unseen, or was never seen before. A bare "unavailable" without a stamp only says that she is not there,
    // not since when.
    const unseen = at !== null ? at > before.since : before.since === NO_TIME && name !== null
    if (!wasOffline || unseen) {
      const now = this.#clock.now()
      part(user, text && detached(text), Math.min(at ?? now, now))
    }
    user.domain.heard(user, this.#mark)
    this.#compare(user, before)
  }

  /** Proof: what was not heard since the mark is not there. She is covered. Without effect if the link was lost since. */
  settle(jid: BareJid, since: Mark): void {
    const user = this.#find(jid)
    if (user?.domain.eras.isPresent(since)) this.#settle(user, since)
  }

  /**
   * The same for a whole domain, a slice at a time. Its users are covered when it is done; without effect on those not
   * yet reached when the link goes first.
   */
  async settleDomain(name: string, since: Mark): Promise<void> {
    const domain = this.#domain(name)
    domain.allSettling()
    let slice = SWEEP_SLICE
    for (const user of domain.users) {
      if (!domain.eras.isPresent(since)) return
      this.#settle(user, since)
      if (--slice === 0) {
        slice = SWEEP_SLICE
        await new Promise<void>((resolve) => this.#clock.after(0, resolve))
      }
    }
    if (!domain.eras.isPresent(since)) return
    for (const jid of domain.allSettled(this.#mark)) this.settle(jid, since)
  }

  /** She exists, though nobody has seen her yet. */
  expect(jid: BareJid): void {
    if (this.#find(jid)) return
    const user = this.#ensure(jid)
    if (!user) return
    user.domain.expected(user)
    this.#compare(user, lookOf(undefined))
  }

  /** She exists, and nobody listened to her until now: what was proven of her domain was not proven of her. */
  doubt(jid: BareJid): void {
    const user = this.#ensure(jid)
    user?.domain.doubted(user, this.mark())
  }

  forget(jid: BareJid): void {
    const user = this.#find(jid)
    const before = lookOf(user)
    if (user) {
      this.#counts[user.show]--
      user.domain.delete(jid)
    }
    // Of who is refused it is told though nobody knows her: what is about to be done of her must not be.
    if (before.show !== 'unknown' || this.#refuses(jid)) this.#tell(jid, domainOf(jid), before, 'unknown')
  }

  /** Everybody offline since before `time` (ms since 1970). Users of whom no time is known are not among them. */
  *offlineSinceBefore(time: number): Generator<BareJid> {
    for (const { users } of this.#domains.values()) {
      for (const user of users) {
        const { show, shownSince } = user
        if (show === 'offline' && shownSince !== NO_TIME && shownSince < time) yield user.jid
      }
    }
  }

  /** null: nobody has heard of her. */
  get(jid: BareJid, domainName: string): UserPresence | null {
    const domain = this.#domains.get(domainName)
    const user = domain?.users.get(jid)
    if (!domain || !user) return null
    const freshness = domain.freshnessOf(user)
    if (freshness === 'unknown') return { show: 'unknown', text: null, since: null, freshness }
    const { show, text, shownSince, idleSince } = user
    return { show, text, since: timeOf(idleSince ?? shownSince), freshness }
  }

  /** Names of her resources that were not heard since the mark. */
  unheard(jid: BareJid, since: Mark): string[] {
    const names: string[] = []
    const user = this.#find(jid)
    for (let r = user ? firstResource(user) : null; r; r = r.next) if (r.heard < since) names.push(r.name)
    return names
  }

  /** Those of whose users something is known. */
  get domains(): Iterable<string> {
    return this.#domains.keys()
  }

  *usersOf(domain: string): Generator<BareJid> {
    for (const { jid } of this.#domain(domain).users) yield jid
  }

  /** Users by the show of their winner, whatever its freshness. Counted as they change. */
  get counts(): Readonly<Record<Show, number>> {
    return this.#counts
  }

  /** Users by freshness; reads every user of a domain that no proof has covered. */
  freshnessCounts(): Record<Freshness, number> {
    const counts: Record<Freshness, number> = { live: 0, stale: 0, unknown: 0 }
    for (const domain of this.#domains.values()) domain.countFreshness(counts)
    return counts
  }

  #settle(user: User, since: Mark): void {
    const before = lookOf(user)
    const isOnline = user.show !== 'offline'
    if (isOnline && !keepResources(user, ({ heard }) => heard >= since)) part(user, null, this.#clock.now())
    user.domain.settled(user, since, this.#mark)
    this.#elect(user, before)
  }

  #elect(user: User, before: Look): void {
    electWinner(user)
    this.#compare(user, before)
  }

  #compare(user: User, before: Look): void {
    const { show, text, since } = lookOf(user)
    if (before.show === show && before.text === text && before.since === since) return
    // Of whom nothing is known counts as offline.
    this.#counts[before.show === 'unknown' ? 'offline' : before.show]--
    this.#counts[show]++
    this.#tell(user.jid, user.domain.name, before, show)
  }

  #tell(user: BareJid, domain: string, was: Look, after: Show): void {
    const change = { user, domain, before: was.show, after, was }
    for (const listener of this.#listeners) listener(change)
  }

  #domain(name: string): DomainUsers {
    let domain = this.#domains.get(name)
    if (!domain) {
      const eras = new Eras(this.#clock, this.#limits.staleAfterMs, this.#loadedAt)
      if (this.#link !== null) eras.begin(this.#link)
      domain = new DomainUsers(name, eras, this.#seed)
      this.#domains.set(name, domain)
    }
    return domain
  }

  #find(jid: BareJid): User | undefined {
    if (this.#last && jid.endsWith(this.#last.suffix)) return this.#last.users.get(jid)
    return this.#domains.get(domainOf(jid))?.users.get(jid)
  }

  /** null: she is refused. */
  #ensure(jid: BareJid): User | null {
    const domain = this.#last && jid.endsWith(this.#last.suffix) ? this.#last : this.#domain(domainOf(jid))
    this.#last = domain
    return domain.users.get(jid) ?? (this.#refuses(jid) ? null : this.#add(jid))
  }

  #add(jid: BareJid): User {
    const own = detached(jid)
    const user = newUser(own, this.#domain(domainOf(own)))
    user.domain.users.add(user)
    this.#counts.offline++
    return user
  }
}
