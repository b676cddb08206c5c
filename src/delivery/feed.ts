import type { AppId } from '../apps/app.js'
import type { Grant } from '../apps/grant.js'
import type { Bytes } from '../presence/bytes.js'
import type { BareJid } from '../presence/jid.js'
import { type Freshness, type Show, statusOf } from '../presence/presence.js'
import type { LoggedPresence } from '../presence/presence-store.js'
import { Audience, type FeedListener } from './audience.js'
import type { LogBatch } from './change-log.js'
import type { AppCursors } from './cursors.js'
import { inChunks } from './in-chunks.js'
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

/** Of whom, and how the log had her. */
export interface Seen {
  readonly grant: Grant
  readonly presence: Presence
}

// Some milliseconds' worth.
const CHECKED_AT_ONCE = 10_000

/** The log as one app may see it, by its grants. */
export class Feed {
  readonly appid: AppId
  readonly cursors: AppCursors
  readonly #parts: FeedParts
  readonly #grants = new Map<BareJid, Grant>()
  readonly #byUid = new Map<string, Grant>()
  readonly #audience = new Audience()
  #pending: Told[] = []
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

  /**
   * Called with all that comes after `position`, until the returned function is called. `uids`: of whom alone; null: of
   * everybody.
   */
  listen(listener: FeedListener, uids: ReadonlySet<string> | null = null): () => void {
    return this.#audience.add(listener, uids)
  }

  /** Whether nothing came after that position yet, nor is left in its batch. */
  isAtEnd(position: Position): boolean {
    return position >= this.position
  }

  /** Once all that had been appended before was given out. */
  caughtUp(): Promise<void> {
    return this.#parts.tail.caughtUp()
  }

  /**
   * Everybody it may see, or those of some uids, at one point of the log: that where it stands as this resolves, before anybody
   * else goes on. All of them are looked at in one go, and nothing more is done with them: there may be 100,000.
   */
  async snapshot(
    uids: ReadonlySet<string> | null = null,
  ): Promise<{ readonly seen: readonly Seen[]; readonly position: Position }> {
    await this.#parts.tail.caughtUp()
    const grants = uids ? [...uids].flatMap((uid) => this.#byUid.get(uid) ?? []) : [...this.#byUid.values()]
    return {
      seen: grants.map((grant) => ({ grant, presence: this.#parts.logged(grant.user) })),
      position: this.position,
    }
  }

  /** What it may be told of those now. Of whoever has changed her grant since they were seen, the log tells. */
  updates(seen: readonly Seen[]): readonly Update[] {
    return seen
      .filter(({ grant }) => this.#grants.get(grant.user) === grant)
      .map(({ grant, presence }) => updateOf(grant, presence, this.#parts.address))
  }

  /** Those of what was read from the log that it may still be told: she may have changed her grant, or taken it back. */
  stillTold(told: readonly Told[]): readonly Told[] {
    return told.filter(({ update, position }) => {
      const grant = this.#byUid.get(update.uid)
      return update.revoked || (grant !== undefined && grant.changedIn <= batchOf(position))
    })
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
        told.push({ update: this.#changed(grant, presence), position: positionOf(batch.number, place), cursor: '' })
      }
    }
    for (const [place, { appid, uid, user }] of batch.grants.entries()) {
      if (appid !== this.appid) continue
      const position = positionOf(batch.number, place)
      const grant = user === null ? null : this.#grants.get(user)
      if (user === null) told.push({ update: revokedUpdate(uid), position, cursor: '' })
      // Of what has changed again the later entry tells.
      else if (grant?.changedIn === batch.number) told.push({ update: this.#present(grant), position, cursor: '' })
    }
    this.cursors.name(told)
    return told
  }

  /** How she is to the app now; null: it may not see her. */
  presentOf(user: BareJid): Update | null {
    const grant = this.#grants.get(user)
    return grant ? this.#present(grant) : null
  }

  grantOf(user: BareJid): Grant | undefined {
    return this.#grants.get(user)
  }

  get users(): Iterable<BareJid> {
    return this.#grants.keys()
  }

  put(grant: Grant): void {
    // She may have another uid than before.
    this.take(grant.user)
    this.#grants.set(grant.user, grant)
    this.#byUid.set(grant.uid, grant)
  }

  take(user: BareJid): void {
    const grant = this.#grants.get(user)
    if (!grant) return
    this.#grants.delete(user)
    this.#byUid.delete(grant.uid)
  }

  /** Of the batch that is being given out. Returns whether it is the first there. */
  add(grant: Grant, batch: number, place: number, presence: LoggedPresence): boolean {
    if (!isToldOf(grant, batch, presence)) return false
    const position = positionOf(batch, place)
    return this.#pending.push({ update: this.#changed(grant, presence), position, cursor: '' }) === 1
  }

  /** What was added. */
  get pending(): readonly Told[] {
    return this.#pending
  }

  /** Tells what was added. */
  flush(): void {
    const told = this.#pending
    this.#pending = []
    this.tell(told)
  }

  tell(told: readonly Told[]): void {
    for (const part of inChunks(told)) this.#audience.tell(part)
  }

  /** What is being told, as that wire has it; made once for all who are told the same. */
  encoded(told: readonly Told[], wire: Wire): Bytes {
    return this.#audience.written(told, wire, () => wire.told(told))
  }

  lost(): void {
    for (const listener of [...this.#audience.everybody]) listener.lost()
  }

  /** To be called now and then. `doubts`: how often the board has come to doubt what it knew. */
  checkFreshness(doubts: number): void {
    if (doubts !== this.#doubts) {
      this.#doubts = doubts
      this.#unchecked = this.#grants.keys()
      this.#doubtful = null
    }
    if (this.#unchecked === null) return
    for (let left = CHECKED_AT_ONCE; this.#doubtful === null || !this.#isDoubtful(this.#doubtful); left--) {
      // The others at the next check.
      if (left === 0) return
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
    for (const listener of this.#audience.everybody) listener.freshness?.(freshness)
  }

  #present(grant: Grant): Update {
    return updateOf(grant, this.#parts.logged(grant.user), this.#parts.address)
  }

  #changed(grant: Grant, { show, text, shownSince, idleSince }: LoggedPresence): Update {
    return updateOf(grant, { show, text, since: idleSince ?? shownSince }, this.#parts.address)
  }
}

/** Whoever may see her status alone must not learn when her text changes. */
function isToldOf(grant: Grant, batch: number, { show, was }: { readonly show: Show; readonly was: Show }): boolean {
  if (grant.paused || batch <= grant.changedIn) return false
  return grant.scope.includes('details') || statusOf(show) !== statusOf(was)
}
