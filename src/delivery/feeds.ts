import type { AppId } from '../apps/app.js'
import type { Grant, GrantStore } from '../apps/grant.js'
import type { GrantChange } from '../apps/grants.js'
import type { Timer } from '../presence/clock.js'
import { every } from '../presence/every.js'
import type { BareJid } from '../presence/jid.js'
import type { LogBatch } from './change-log.js'
import type { Cursors } from './cursors.js'
import { Feed, type FeedParts } from './feed.js'
import type { LogTail } from './log-tail.js'

const PAGE = 1000
const CHECK_MS = 500
// A page is left and opened again, and to read 100,000 grants takes most of a second.
const KEPT_CHECKS = 60
// What is looked at again is still in the processor's cache then.
const FEEDS_AT_ONCE = 256

export interface FeedsParts extends FeedParts {
  readonly tail: LogTail
  readonly grants: Pick<GrantStore, 'ofApp'>
  readonly cursors: Cursors
  /** How often the board has come to doubt what it knew. */
  readonly doubts: () => number
  readonly after: (ms: number, run: () => void) => Timer
}

interface Opened {
  readonly feed: Feed
  readers: number
  /** So many checks has it been without any. */
  idle: number
  readonly loaded: Promise<void>
  /** Whose grants changed while they were read; null: they are read. */
  changed: Set<BareJid> | null
}

const byUid = (a: Grant, b: Grant) => (a.uid < b.uid ? -1 : 1)

/** The feeds of the apps that anybody reads, or did half a minute ago, each with its grants in memory; of the others nothing is kept. */
export class Feeds {
  readonly #parts: FeedsParts
  readonly #opened = new Map<AppId, Opened>()
  /** By the user, the feeds that she is in, and her grants there. */
  readonly #byUser = new Map<BareJid, Map<Feed, Grant>>()
  readonly #unlisten: (() => void)[]
  readonly #timer: Timer

  constructor(parts: FeedsParts) {
    this.#parts = parts
    this.#unlisten = [
      parts.tail.onBatch((batch) => this.#give(batch)),
      parts.tail.onLost(() => {
        for (const { feed } of this.#opened.values()) feed.lost()
      }),
    ]
    this.#timer = every(parts, CHECK_MS, () => this.#check())
  }

  stop(): void {
    this.#timer.cancel()
    for (const unlisten of this.#unlisten) unlisten()
  }

  /** To be closed by whoever opened it, as often as it was opened. Rejects where its grants cannot be read. */
  async open(appid: AppId): Promise<Feed> {
    const opened = this.#opened.get(appid) ?? this.#load(appid)
    opened.readers++
    opened.idle = 0
    try {
      await opened.loaded
    } catch (error) {
      this.#drop(opened)
      throw error
    }
    // What was so at the last check need not be so now.
    opened.feed.checkFreshness(this.#parts.doubts())
    return opened.feed
  }

  close(feed: Feed): void {
    const opened = this.#opened.get(feed.appid)
    if (opened?.feed === feed) opened.readers--
  }

  /** A grant is another one now, or gone; the log has it already. */
  changed({ before, after }: GrantChange): void {
    const grant = after ?? before
    const opened = grant && this.#opened.get(grant.appid)
    if (opened && grant) {
      opened.changed?.add(grant.user)
      if (after) this.#put(opened.feed, after)
      else this.#take(opened.feed, grant.user)
    }
    this.#parts.tail.grew()
  }

  /** Says at once what has turned. */
  checkFreshness(): void {
    const doubts = this.#parts.doubts()
    for (const { feed, changed } of this.#opened.values()) if (changed === null) feed.checkFreshness(doubts)
  }

  #load(appid: AppId): Opened {
    const feed = new Feed(appid, this.#parts.cursors.of(appid), this.#parts)
    const changed = new Set<BareJid>()
    const opened: Opened = {
      feed,
      readers: 0,
      idle: 0,
      changed,
      loaded: this.#read(feed, changed).then(() => {
        opened.changed = null
      }),
    }
    this.#opened.set(appid, opened)
    return opened
  }

  async #read(feed: Feed, changed: ReadonlySet<BareJid>): Promise<void> {
    for (let after: BareJid | '' = ''; ; ) {
      const page: readonly Grant[] = await this.#parts.grants.ofApp(feed.appid, after, PAGE)
      // Not in the order of the users, which would be the same for every app: two could lay their snapshots side by side.
      for (const grant of page.toSorted(byUid)) if (!changed.has(grant.user)) this.#put(feed, grant)
      const last = page.at(-1)
      if (!last || page.length < PAGE) return
      after = last.user
      await new Promise<void>((resolve) => this.#parts.after(0, resolve))
    }
  }

  #give(batch: LogBatch): void {
    const touched: Feed[] = []
    for (const [place, presence] of batch.presences.entries()) {
      if (presence === null) continue
      for (const [feed, grant] of this.#byUser.get(presence.user) ?? []) {
        if (feed.add(grant, batch.number, place, presence)) touched.push(feed)
      }
    }
    for (let i = 0; i < touched.length; i += FEEDS_AT_ONCE) {
      const feeds = touched.slice(i, i + FEEDS_AT_ONCE)
      this.#parts.cursors.name(feeds)
      for (const feed of feeds) feed.flush()
    }
    for (const appid of new Set(batch.grants.map((entry) => entry.appid))) {
      const feed = this.#opened.get(appid)?.feed
      feed?.tell(feed.toldIn(batch))
    }
  }

  #put(feed: Feed, grant: Grant): void {
    feed.put(grant)
    const feeds = this.#byUser.get(grant.user)
    if (feeds) feeds.set(feed, grant)
    else this.#byUser.set(grant.user, new Map([[feed, grant]]))
  }

  #take(feed: Feed, user: BareJid): void {
    feed.take(user)
    this.#unlink(user, feed)
  }

  #unlink(user: BareJid, feed: Feed): void {
    const feeds = this.#byUser.get(user)
    feeds?.delete(feed)
    if (feeds?.size === 0) this.#byUser.delete(user)
  }

  #drop({ feed }: Opened): void {
    if (this.#opened.get(feed.appid)?.feed !== feed) return
    this.#opened.delete(feed.appid)
    for (const user of feed.users) this.#unlink(user, feed)
  }

  #check(): void {
    for (const opened of this.#opened.values()) {
      if (opened.readers === 0 && ++opened.idle > KEPT_CHECKS) this.#drop(opened)
    }
    this.checkFreshness()
  }
}
