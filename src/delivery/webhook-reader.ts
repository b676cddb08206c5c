import type { BareJid } from '../presence/jid.js'
import { Ahead, type AheadBudget } from './ahead.js'
import type { ChangeLog } from './change-log.js'
import type { Feed } from './feed.js'
import { batchOf, endOf, LAST_PLACE, type Position, placeOf } from './position.js'
import { asPair, revokedUpdate, type Told, type Update } from './update.js'
import type { Progress, Round } from './webhook-state.js'

const MOST_UPDATES = 100
const MOST_BYTES = 20_000
// All of a body but its updates.
const ENVELOPE_BYTES = 200

export interface WebhookReaderParts {
  readonly feed: Feed
  /** The batch in which she changed last, or a later one; null: nobody knows her. */
  readonly lastChange: (user: BareJid) => number | null
  readonly log: Pick<ChangeLog, 'grantsAfter'>
  /** Whoever is further behind reads it from the log again. */
  readonly budget: AheadBudget
  /** There is something to read. */
  readonly told: () => void
}

/** What an app is to be told next, all of it at once. */
export interface Message {
  /** JSON arrays, in order; none: there is nothing. */
  readonly pairs: readonly string[]
  /** Where an app goes on that has read them. */
  readonly cursor: Position
  readonly leadsTo: Progress
}

/** Somebody of whom the latest is to be told; null: it may not see her any more. */
interface Latest {
  readonly uid: string
  readonly user: BareJid | null
}

/** Reads for one app what its webhook tells it: the log, or the latest of whoever changed. */
export class WebhookReader {
  readonly #parts: WebhookReaderParts
  readonly #feed: Feed
  readonly #unlisten: () => void
  /** What comes next, up to `#end`; what comes after that is to be read, unless it is live. */
  readonly #ahead: Ahead
  #end: Position = 0
  /** Whether nothing lies between what waits and what is told next. */
  #isLive = false
  /** What is left of the round that is under way, sorted by uid. */
  #round: readonly Latest[] | null = null
  /** How often it was told to forget. */
  #forgotten = 0

  constructor(parts: WebhookReaderParts) {
    this.#parts = parts
    this.#feed = parts.feed
    this.#ahead = new Ahead(MOST_UPDATES, parts.budget)
    this.#unlisten = parts.feed.listen({
      told: (told) => this.#told(told),
      lost: () => {
        this.forget()
        parts.told()
      },
    })
  }

  close(): void {
    this.#unlisten()
    this.#ahead.clear()
  }

  /** What it has read counts no longer: a grant is another one, or it begins elsewhere. */
  forget(): void {
    this.#ahead.clear()
    this.#isLive = false
    this.#round = null
    this.#forgotten++
  }

  /** While the one before is on its way: reads what comes after it, so that `next` need not wait for that. */
  async readOn({ position, round }: Progress): Promise<void> {
    if (round === null) await this.#read(position)
  }

  /** Whether there is more than one message can hold, at hand. */
  get isBehind(): boolean {
    return this.#ahead.count > MOST_UPDATES || (this.#round?.length ?? 0) > MOST_UPDATES
  }

  /** To be called with what the one before led to, or after `forget`. */
  async next(progress: Progress): Promise<Message> {
    for (let from = progress; ; ) {
      const message = from.round ? await this.#latest(from.position, from.round) : await this.#logged(from.position)
      if (message.pairs.length > 0) return message
      const { leadsTo } = message
      if (leadsTo.round === null && this.#isLive && this.#ahead.count === 0) return message
      from = leadsTo
    }
  }

  #told(told: readonly Told[]): void {
    // What it has read may be more than was told by then.
    const isNew = (told[0]?.position ?? 0) > this.#end
    if (this.#isLive) this.#isLive = this.#add(isNew ? told : told.filter(({ position }) => position > this.#end))
    this.#parts.told()
  }

  #add(told: readonly Told[]): boolean {
    const isAll = this.#ahead.add(told)
    this.#end = this.#ahead.last?.position ?? this.#end
    return isAll
  }

  async #logged(position: Position): Promise<Message> {
    const found = await this.#read(position)
    if (found === 'forgotten') return nothing({ position, round: null })
    // What came after it is not to be had one by one any more.
    if (found === 'gone') return nothing({ position, round: { to: this.#feed.position, through: '' } })
    const first = this.#ahead.first(MOST_UPDATES)
    const pairs = fitting(first)
    const last = first[pairs.length - 1]?.position ?? position
    this.#ahead.drop(pairs.length)
    const end = this.#isLive ? Math.max(this.#feed.position, this.#end) : this.#end
    return { pairs, cursor: last, leadsTo: { position: this.#ahead.count > 0 ? last : end, round: null } }
  }

  /** A step on, where nothing that was read waits. */
  async #read(position: Position): Promise<'read' | 'forgotten' | 'gone'> {
    if (this.#ahead.count > 0 || this.#isLive) return 'read'
    const forgotten = this.#forgotten
    const step = await this.#feed.after(position)
    if (forgotten !== this.#forgotten) return 'forgotten'
    if (step === null) return 'gone'
    const isAll = this.#add(step.told)
    if (isAll) this.#end = step.position
    this.#isLive = isAll && this.#feed.isAtEnd(step.position)
    return 'read'
  }

  async #latest(position: Position, round: Round): Promise<Message> {
    const forgotten = this.#forgotten
    const { to, through, again = false } = round
    const changed = this.#round ? null : await this.#changedSince(position, again)
    if (forgotten !== this.#forgotten) return nothing({ position, round })
    const now = changed?.now ?? null
    const rest = this.#round ?? changed?.list.filter(({ uid }) => uid > through) ?? []
    const known: { readonly uid: string; readonly update: Update }[] = []
    for (const { uid, user } of rest) {
      if (known.length > MOST_UPDATES) break
      const update = user === null ? revokedUpdate(uid) : this.#feed.presentOf(user)
      if (update) known.push({ uid, update })
    }
    const pairs = fitting(known)
    const isAll = pairs.length === known.length
    this.#round = null
    if (!isAll) {
      const told = known[pairs.length - 1]?.uid ?? through
      this.#round = rest.slice(rest.findIndex(({ uid }) => uid > told))
      return { pairs, cursor: position, leadsTo: { position, round: { ...round, through: told } } }
    }
    // All of them at one point of the log: from there on one by one.
    if (now !== null && through === '') return { pairs, cursor: now, leadsTo: { position: now, round: null } }
    // While the others were told, some have changed again. An app must not be told of what came before what it knows.
    return {
      pairs,
      cursor: to,
      leadsTo: { position: to, round: { to: this.#feed.position, through: '', again: true } },
    }
  }

  /** At the point `now` of the log. `again`: of whom nobody knows it was told already. */
  async #changedSince(
    position: Position,
    again: boolean,
  ): Promise<{ readonly list: readonly Latest[]; readonly now: Position }> {
    for (;;) {
      await this.#feed.caughtUp()
      const now = this.#feed.position
      const told = placeOf(position) === LAST_PLACE ? batchOf(position) : Math.max(0, batchOf(position) - 1)
      const entries = await this.#parts.log.grantsAfter(this.#feed.appid, told)
      if (this.#feed.position !== now) continue
      const list = new Map<string, Latest>()
      // Who gave it again has another uid.
      for (const { uid, user } of entries) if (user === null) list.set(uid, { uid, user })
      for (const user of this.#feed.users) {
        const grant = this.#feed.grantOf(user)
        const changed = this.#parts.lastChange(user) ?? (again ? 0 : Number.POSITIVE_INFINITY)
        if (grant && endOf(Math.max(changed, grant.changedIn)) > position) {
          list.set(grant.uid, { uid: grant.uid, user })
        }
      }
      return { list: [...list.values()].sort((a, b) => (a.uid < b.uid ? -1 : 1)), now }
    }
  }
}

function nothing(leadsTo: Progress): Message {
  return { pairs: [], cursor: leadsTo.position, leadsTo }
}

/** As many of the first as one call may carry. */
function fitting(told: readonly { readonly update: Update }[]): string[] {
  const first = told.slice(0, MOST_UPDATES).map(({ update }) => asPair(update))
  // UTF-8 has at most three bytes for each: most are far below it, and need not be measured.
  if (ENVELOPE_BYTES + first.reduce((sum, pair) => sum + 3 * pair.length + 1, 0) <= MOST_BYTES) return first
  let bytes = ENVELOPE_BYTES
  const tooLong = first.findIndex((pair, n) => {
    bytes += Buffer.byteLength(pair) + 1
    // None alone is as long as that.
    return bytes > MOST_BYTES && n > 0
  })
  return tooLong < 0 ? first : first.slice(0, tooLong)
}
