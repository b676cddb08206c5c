import type { AvailableShow, Freshness, ResourcePresence, Show } from '../../src/presence/presence.js'
import type { StoredPresence } from '../../src/presence/presence-store.js'

interface Resource {
  show: AvailableShow
  text: string | null
  priority: number
  shownSince: number
  idleSince: number | null
  /** Number of the event that last changed it; 0: loaded. */
  changedBy: number
  /** Number of the event in which it was last heard; 0: loaded. */
  heardIn: number
}

interface User {
  /** Known from before this process. */
  loaded: boolean
  resources: Map<string, Resource>
  offlineSince: number | null
  offlineText: string | null
  /** Whether anything was ever proven of her. */
  proven: boolean
  /** Number of the event since which nobody believes what was proven of her domain before. */
  doubtedIn: number | null
}

export interface Look {
  readonly show: Show
  readonly text: string | null
  readonly since: number | null
}

const NOBODY: Look = { show: 'unknown', text: null, since: null }
const SHOWS: readonly AvailableShow[] = ['chat', 'online', 'away', 'xa', 'dnd']

/**
 * docs/architecture.md's "Winner", "Seconds" and "Freshness" told as plainly as possible: the whole history is kept, nothing is
 * cached, everything is sorted and looked for anew at each question.
 */
export class ReferenceBoard {
  readonly users = new Map<string, User>()
  readonly #staleAfterMs: number
  readonly #resourceLimit: number
  readonly #bootedAt: number
  /** Every time of being connected: numbers of its first and last event, and when it ended. */
  readonly #links: { from: number; to: number; endedAt: number | null }[] = []
  /** What proofs covered: a user or a whole domain, with the number of the event. */
  readonly #proofs: { who: string; event: number }[] = []
  #event = 0

  constructor(now: number, limits: { resources: number; staleAfterMs: number }) {
    this.#bootedAt = now
    this.#staleAfterMs = limits.staleAfterMs
    this.#resourceLimit = limits.resources
  }

  load(stored: StoredPresence, now: number): void {
    this.users.delete(stored.user)
    if (stored.show === 'unknown') return
    const user = this.#user(stored.user)
    user.loaded = true
    user.proven = true
    if (stored.show === 'offline') {
      user.offlineSince = stored.shownSince
      user.offlineText = stored.text
      return
    }
    user.resources.set(stored.resource ?? '', {
      show: stored.show,
      text: stored.text,
      priority: stored.priority,
      shownSince: stored.shownSince ?? now,
      idleSince: stored.idleSince,
      changedBy: 0,
      heardIn: 0,
    })
  }

  linkUp(now: number): void {
    this.linkDown(now)
    this.#links.push({ from: ++this.#event, to: Number.POSITIVE_INFINITY, endedAt: null })
  }

  linkDown(now: number): void {
    this.#event++
    const last = this.#links.at(-1)
    if (!last || last.endedAt !== null) return
    last.to = this.#event
    last.endedAt = now
  }

  /** What is heard from now on was heard since. */
  mark(): number {
    return ++this.#event
  }

  put(jid: string, name: string, said: ResourcePresence, now: number): void {
    const event = ++this.#event
    const user = this.#user(jid)
    const priority = Math.min(127, Math.max(-128, said.priority))
    const setAt = said.stampedAt === null ? now : Math.min(said.stampedAt, now)
    const idleSince = said.idleSince == null ? said.idleSince : Math.min(said.idleSince, now)
    const known = user.resources.get(name)
    if (!known) {
      const { show, text } = said
      user.resources.set(name, {
        show,
        text,
        priority,
        shownSince: setAt,
        idleSince: idleSince ?? null,
        changedBy: event,
        heardIn: event,
      })
      if (user.resources.size > this.#resourceLimit) {
        const others = [...user.resources].filter(([other]) => other !== name)
        const [leastRecent] = others.sort(([, a], [, b]) => a.changedBy - b.changedBy)
        user.resources.delete(leastRecent?.[0] ?? '')
      }
    } else {
      const turned = known.show !== said.show
      if (turned || known.text !== said.text || known.priority !== priority) known.changedBy = event
      if (turned) known.shownSince = setAt
      else if (said.stampedAt !== null && setAt <= known.shownSince - 2000) known.shownSince = setAt
      if (idleSince === undefined) known.idleSince = turned ? null : known.idleSince
      // Whole seconds counted back from two arrivals differ by less than two seconds and say the same.
      else if (idleSince === null || known.idleSince === null || Math.abs(idleSince - known.idleSince) >= 2000) {
        known.idleSince = idleSince
      }
      known.show = said.show
      known.text = said.text
      known.priority = priority
      known.heardIn = event
    }
    this.#spoke(jid, user)
  }

  confirm(jid: string, name: string): void {
    const event = ++this.#event
    const user = this.users.get(jid)
    const resource = user?.resources.get(name)
    if (!user || !resource) return
    resource.heardIn = event
    this.#spoke(jid, user)
  }

  remove(jid: string, name: string | null, text: string | null, at: number | null, now: number): void {
    this.#event++
    // That all of her is gone says nothing of somebody whom nobody knows.
    if (name === null && !this.users.has(jid)) return
    const user = this.#user(jid)
    const wasThere = user.resources.size > 0
    if (name === null) user.resources.clear()
    else user.resources.delete(name)
    const neverSeen = user.offlineSince === null && name !== null
    const learnt = at === null ? neverSeen : at > (user.offlineSince ?? -1)
    if (user.resources.size === 0 && (wasThere || learnt)) {
      user.offlineSince = at === null ? now : Math.min(at, now)
      user.offlineText = text
    }
    this.#spoke(jid, user)
  }

  settle(jid: string, since: number, now: number): void {
    this.#event++
    const user = this.users.get(jid)
    if (!user || !this.#linkedSince(since)) return
    this.#drop(user, since, now)
    this.#proofs.push({ who: jid, event: this.#event })
  }

  settleDomain(domain: string, since: number, now: number): void {
    this.#event++
    if (!this.#linkedSince(since)) return
    for (const [jid, user] of this.users) if (jid.endsWith(`@${domain}`)) this.#drop(user, since, now)
    this.#proofs.push({ who: domain, event: this.#event })
  }

  expect(jid: string): void {
    this.#event++
    if (this.users.has(jid)) return
    const link = this.#links.at(-1)
    const domain = domainOf(jid)
    const isCovered = this.#proofs.some(({ who, event }) => who === domain && link && event >= link.from)
    this.#user(jid).proven = isCovered && link?.endedAt === null
  }

  doubt(jid: string): void {
    this.#event++
    this.#user(jid).doubtedIn = this.#event
  }

  forget(jid: string): void {
    this.#event++
    this.users.delete(jid)
    for (let i = this.#proofs.length - 1; i >= 0; i--) if (this.#proofs[i]?.who === jid) this.#proofs.splice(i, 1)
  }

  /** Her winner's presence, whatever its freshness; somebody unknown looks like somebody who never came. */
  look(jid: string): Look {
    const user = this.users.get(jid)
    if (!user?.proven) return NOBODY
    const [winner] = [...user.resources.values()].sort(
      (a, b) => b.priority - a.priority || SHOWS.indexOf(a.show) - SHOWS.indexOf(b.show) || b.changedBy - a.changedBy,
    )
    if (!winner) return { show: 'offline', text: user.offlineText, since: user.offlineSince }
    return { show: winner.show, text: winner.text, since: winner.idleSince ?? winner.shownSince }
  }

  get(jid: string, now: number): (Look & { freshness: Freshness }) | null {
    if (!this.users.has(jid)) return null
    const freshness = this.freshness(jid, now)
    if (freshness === 'unknown') return { show: 'unknown', text: null, since: null, freshness }
    const look = this.look(jid)
    return look.show === 'unknown' ? { show: 'offline', text: null, since: null, freshness } : { ...look, freshness }
  }

  freshness(jid: string, now: number): Freshness {
    if (this.users.get(jid)?.doubtedIn != null) return 'unknown'
    const domain = domainOf(jid)
    let knownUntil = this.users.get(jid)?.loaded ? this.#bootedAt : Number.NEGATIVE_INFINITY
    for (const link of this.#links) {
      const covered = this.#proofs.some(
        ({ who, event }) => (who === jid || who === domain) && event >= link.from && event < link.to,
      )
      if (!covered) continue
      if (link.endedAt === null) return 'live'
      knownUntil = link.endedAt
    }
    return now - knownUntil < this.#staleAfterMs ? 'stale' : 'unknown'
  }

  unheard(jid: string, since: number): Set<string> {
    const names = new Set<string>()
    for (const [name, { heardIn }] of this.users.get(jid)?.resources ?? []) if (heardIn < since) names.add(name)
    return names
  }

  #user(jid: string): User {
    let user = this.users.get(jid)
    if (!user) {
      user = {
        loaded: false,
        resources: new Map(),
        offlineSince: null,
        offlineText: null,
        proven: false,
        doubtedIn: null,
      }
      this.users.set(jid, user)
    }
    return user
  }

  #linkedSince(mark: number): boolean {
    const last = this.#links.at(-1)
    return last !== undefined && last.endedAt === null && mark >= last.from
  }

  #drop(user: User, since: number, now: number): void {
    user.proven = true
    if (user.doubtedIn !== null && user.doubtedIn <= since) user.doubtedIn = null
    const wasThere = user.resources.size > 0
    for (const [name, { heardIn }] of user.resources) if (heardIn < since) user.resources.delete(name)
    if (!wasThere || user.resources.size > 0) return
    user.offlineSince = now
    user.offlineText = null
  }

  /** Whoever has spoken since the link came up, and of whom nothing older is left, is live. */
  #spoke(jid: string, user: User): void {
    user.doubtedIn = null
    if (user.resources.size > 0 || user.offlineSince !== null) user.proven = true
    const link = this.#links.at(-1)
    if (!link || link.endedAt !== null) return
    for (const { heardIn } of user.resources.values()) if (heardIn < link.from) return
    user.proven = true
    this.#proofs.push({ who: jid, event: this.#event })
  }
}

function domainOf(jid: string): string {
  return jid.slice(jid.lastIndexOf('@') + 1)
}
