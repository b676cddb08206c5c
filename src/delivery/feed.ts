import type { AppId } from '../apps/app.js'
import type { Grant } from '../apps/grant.js'
import type { BareJid } from '../presence/jid.js'
import { type Freshness, type Show, statusOf } from '../presence/presence.js'
import type { LoggedPresence } from '../presence/presence-store.js'
import type { LogBatch } from './change-log.js'
import type { AppCursors } from './cursors.js'
import type { LogTail } from './log-tail.js'
import { batchOf, endOf, LAST_PLACE, type Position, placeOf, positionOf } from './position.js'
import { type Presence, revokedUpdate, type Told, type Update, updateOf } from './update.js'
import type { Wire } from './wire.js'

export interface FeedParts {
  readonly tail: Pick<LogTail, 'seen' | 'after' | 'caughtUp'>
  /** What the log has of her, by the batch that was seen last. */
  readonly logged: (user: BareJid) => Presence
  /** As it is written. */
  readonly address: (user: BareJid) => string
  /** null: nobody has heard of her. */
  readonly freshness: (user: BareJid) => Freshness | null
}

/** Of an app, as its readers hear it. None may throw. */
export interface FeedListener {
  /** What one batch has for it, in order; never empty. */
  told(told: readonly Told[]): void
  /** Whether all that it was told still holds. */
  freshness?(freshness: 'live' | 'stale'): void
  /** Nobody knows what it has missed: it has to begin anew. */
  lost(): void
}

/** The log as one app may see it, by its grants. */
export class Feed {
  readonly appid: AppId
  readonly cursors: AppCursors
  readonly #parts: FeedParts
  readonly #grants = new Map<BareJid, Grant>()
  readonly #listeners = new Set<FeedListener>()
  #pending: Told[] = []
  /** Of what was told last, as it was written: most readers are told the same. */
  #encodedOf: readonly Told[] | null = null
  readonly #encoded = new Map<Wire, Map<string, Buffer>>()
  #freshness: 'live' | 'stale' = 'live'
  /** Those of whom it is not known yet whether they are live, at that many doubts of the board; null: all were looked at. */
  #unchecked: Iterator<BareJid> | null = null
  #doubtful: BareJid | null = null
  #doubts = -1

  constructor(appid: AppId, cursors: AppCursors, parts: FeedParts) {
    this.appid = appid
    this.cursors = cursors
    this.#parts = parts
  }

  get freshness(): 'live' | 'stale' {
    return this.#freshness
  }

  /** Where it stands: after all that was given out of the log. */
  get position(): Position {
    return endOf(this.#parts.tail.seen)
  }

  /** Called with all that comes after `position`, until the returned function is called. */
  listen(listener: FeedListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Whether nothing came after that position yet, nor is left in its batch. */
  isAtEnd(position: Position): boolean {
    return position >= this.position
  }

  /** Everybody it may see, at one point of the log: that where it stands as this resolves, before anybody else goes on. */
  async snapshot(): Promise<{ readonly updates: readonly Update[]; readonly position: Position }> {
    await this.#parts.tail.caughtUp()
    return { updates: [...this.#grants.values()].map((grant) => this.#present(grant)), position: this.position }
  }

  /**
   * A step through what came after a position, and up to where that leads. null: not all of it is kept any more.
   */
  async after(position: Position): Promise<{ readonly told: readonly Told[]; readonly position: Position } | null> {
    const batch = batchOf(position)
    const place = placeOf(position)
    // Of a batch that was read in part the rest must be there still.
    const batches = await this.#parts.tail.after(place === LAST_PLACE ? batch : batch - 1)
    if (batches === null) return null
    const told = batches.flatMap((found) => this.toldIn(found).filter((each) => each.position > position))
    const last = batches.at(-1)
    return { told, position: last ? Math.max(position, endOf(last.number)) : position }
  }

  /** What a batch has for it. */
  toldIn(batch: LogBatch): readonly Told[] {
    const told: Told[] = []
    for (const [place, presence] of batch.presences.entries()) {
      const grant = presence && this.#grants.get(presence.user)
      if (grant && presence && isToldOf(grant, batch.number, presence)) {
        told.push({ update: this.#changed(grant, presence), position: positionOf(batch.number, place) })
      }
    }
    for (const [place, { appid, uid, user }] of batch.grants.entries()) {
      if (appid !== this.appid) continue
      const position = positionOf(batch.number, place)
      const grant = user === null ? null : this.#grants.get(user)
      if (user === null) told.push({ update: revokedUpdate(uid), position })
      // Of what has changed again the later entry tells.
      else if (grant?.changedIn === batch.number) told.push({ update: this.#present(grant), position })
    }
    return told
  }

  grantOf(user: BareJid): Grant | undefined {
    return this.#grants.get(user)
  }

  get users(): Iterable<BareJid> {
    return this.#grants.keys()
  }

  put(grant: Grant): void {
    this.#grants.set(grant.user, grant)
  }

  take(user: BareJid): void {
    this.#grants.delete(user)
  }

  /** Of the batch that is being given out. Returns whether it is the first there. */
  add(grant: Grant, batch: number, place: number, presence: LoggedPresence): boolean {
    if (!isToldOf(grant, batch, presence)) return false
    return this.#pending.push({ update: this.#changed(grant, presence), position: positionOf(batch, place) }) === 1
  }

  /** Tells what was added. */
  flush(): void {
    const told = this.#pending
    this.#pending = []
    this.tell(told)
  }

  tell(told: readonly Told[]): void {
    if (told.length > 0) for (const listener of this.#listeners) listener.told(told)
  }

  /** `part` of it, as that wire has it; made once for all who listen. */
  encoded(told: readonly Told[], part: readonly Told[], wire: Wire): Buffer {
    if (this.#listeners.size === 1) return wire.told(part, this.cursors)
    if (this.#encodedOf !== told) {
      this.#encodedOf = told
      this.#encoded.clear()
    }
    let ofWire = this.#encoded.get(wire)
    if (!ofWire) {
      ofWire = new Map()
      this.#encoded.set(wire, ofWire)
    }
    const key = part === told ? '' : part.map(({ position }) => position).join()
    let chunk = ofWire.get(key)
    if (!chunk) {
      chunk = wire.told(part, this.cursors)
      ofWire.set(key, chunk)
    }
    return chunk
  }

  lost(): void {
    for (const listener of this.#listeners) listener.lost()
  }

  /** To be called now and then. `doubts`: how often the board has come to doubt what it knew. */
  checkFreshness(doubts: number): void {
    if (doubts !== this.#doubts) {
      this.#doubts = doubts
      this.#unchecked = this.#grants.keys()
      this.#doubtful = null
    }
    if (this.#unchecked === null) return
    while (this.#doubtful === null || !this.#isDoubtful(this.#doubtful)) {
      const next = this.#unchecked.next()
      if (!next.done) {
        this.#doubtful = next.value
        continue
      }
      this.#unchecked = null
      return this.#turn('live')
    }
    this.#turn('stale')
  }

  #isDoubtful(user: BareJid): boolean {
    return this.#grants.has(user) && (this.#parts.freshness(user) ?? 'live') !== 'live'
  }

  #turn(freshness: 'live' | 'stale'): void {
    if (freshness === this.#freshness) return
    this.#freshness = freshness
    for (const listener of this.#listeners) listener.freshness?.(freshness)
  }

  #present(grant: Grant): Update {
    return updateOf(grant, this.#parts.logged(grant.user), () => this.#parts.address(grant.user))
  }

  #changed(grant: Grant, { show, text, shownSince, idleSince, user }: LoggedPresence): Update {
    return updateOf(grant, { show, text, since: idleSince ?? shownSince }, () => this.#parts.address(user))
  }
}

/** Whoever may see her status alone must not learn when her text changes. */
function isToldOf(grant: Grant, batch: number, { show, was }: { readonly show: Show; readonly was: Show }): boolean {
  if (grant.paused || batch <= grant.changedIn) return false
  return grant.scope.includes('details') || statusOf(show) !== statusOf(was)
}
