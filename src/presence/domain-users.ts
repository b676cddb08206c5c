import { type Eras, type Mark, NEVER } from './eras.js'
import type { BareJid } from './jid.js'
import type { Freshness } from './presence.js'
import { firstResource } from './resource.js'
import type { User } from './user.js'
import { UserTable } from './user-table.js'

/** The users of one domain, and how fresh what is known of them is. */
export class DomainUsers {
  readonly name: string
  /** How the JIDs of its users end. */
  readonly suffix: string
  readonly users: UserTable
  readonly eras: Eras
  /** A proof for the whole domain is on its way: until it is there nobody is live. */
  proofDue = false
  /** All of them at once, by such a proof. */
  #covered: Mark = NEVER
  /** Who was not listened to until a mark: no proof that began before it speaks of her. Until something is heard of her. */
  readonly #unproven = new Map<BareJid, Mark>()
  /** Who came to be expected since a proof of all began to go through them, which may be past her place. null: one has gone through. */
  #late: Set<BareJid> | null = null

  /** `seed`: of its UserTable. */
  constructor(name: string, eras: Eras, seed: number) {
    this.name = name
    this.users = new UserTable(seed)
    this.suffix = `@${name}`
    this.eras = eras
  }

  /** Something was heard of her: she is covered, if nothing older than this link is left. */
  heard(user: User, mark: Mark): void {
    if (this.#unproven.size > 0) this.#unproven.delete(user.jid)
    const { eras } = this
    if (!eras.lasts || eras.isPresent(user.covered)) return
    let resource = firstResource(user)
    while (resource && eras.isPresent(resource.heard)) resource = resource.next
    if (!resource) user.covered = mark
  }

  /** A proof that began at `since` speaks of her. */
  settled(user: User, since: Mark, mark: Mark): void {
    user.covered = mark
    if (this.#unproven.size > 0 && (this.#unproven.get(user.jid) ?? since) <= since) this.#unproven.delete(user.jid)
  }

  /** Such a proof begins to go through all of them. */
  allSettling(): void {
    this.#late ??= new Set()
  }

  /** It has gone through them, and speaks of all. Returns who is left to be settled. */
  allSettled(mark: Mark): Iterable<BareJid> {
    const late = this.#late ?? []
    this.#late = null
    this.#covered = mark
    return late
  }

  /** She exists: what was proven of all of them was proven of her. */
  expected(user: User): void {
    if (this.eras.isPresent(this.#covered)) user.covered = this.#covered
    else this.#late?.add(user.jid)
  }

  /** She exists, and nobody listened to her before that mark: what was proven of all of them was not proven of her. */
  doubted(user: User, mark: Mark): void {
    this.#unproven.set(user.jid, mark)
  }

  delete(jid: BareJid): void {
    this.users.delete(jid)
    this.#unproven.delete(jid)
    this.#late?.delete(jid)
  }

  freshnessOf(user: User): Freshness {
    if (this.#unproven.size > 0 && this.#unproven.has(user.jid)) return 'unknown'
    const freshness = this.eras.freshness(Math.max(user.covered, this.#covered))
    return freshness === 'live' && this.proofDue && !this.eras.isPresent(this.#covered) ? 'stale' : freshness
  }

  /** Adds them to `counts`; reads every user unless all of them are covered at once. */
  countFreshness(counts: Record<Freshness, number>): void {
    if (this.eras.isPresent(this.#covered) && this.#unproven.size === 0) counts.live += this.users.size
    else for (const user of this.users) counts[this.freshnessOf(user)]++
  }
}
