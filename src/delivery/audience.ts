import type { Bytes } from '../presence/bytes.js'
import type { Told } from './update.js'
import type { Wire } from './wire.js'

/** Of an app, as its readers hear it. None may throw. */
export interface FeedListener {
  /** What one batch has for it, or a part of that, in order; never empty. Whoever is told the same is given the same array. */
  told(told: readonly Told[]): void
  /** Whether all that it was told still holds. */
  freshness?(freshness: 'live' | 'stale'): void
  /** Nobody knows what it has missed: it has to begin anew. */
  lost(): void
}

/** What somebody is told of a batch, up to one of its entries. */
interface Part {
  readonly before: Part | undefined
  readonly last: Told
  told: readonly Told[] | null
}

/** Those who listen to a feed: to all of it, or to some uids. What it costs grows with what they are told, not with what they are not. */
export class Audience {
  /** Few: each is an app's own. Never changed, only replaced, so that they may come and go while they are told. */
  #all: readonly FeedListener[] = []
  /** Most apps have none of them, and there may be many apps. */
  #watchers: Watchers | null = null
  /** Of what is being told, as it was written: most are told the same. */
  #written: Map<Wire, Map<readonly Told[], Bytes>> | null = null

  get everybody(): readonly FeedListener[] {
    return this.#watchers ? [...this.#all, ...this.#watchers.all] : this.#all
  }

  /** `uids`: of whom alone it hears; null: of everybody. */
  add(listener: FeedListener, uids: ReadonlySet<string> | null): () => void {
    if (uids === null) {
      this.#all = [...this.#all, listener]
      return () => {
        this.#all = this.#all.filter((each) => each !== listener)
      }
    }
    this.#watchers ??= new Watchers()
    this.#watchers.add(listener, uids)
    return () => this.#watchers?.remove(listener, uids)
  }

  tell(told: readonly Told[]): void {
    for (const listener of this.#all) listener.told(told)
    this.#watchers?.tell(told)
    this.#written = null
  }

  /** What is being told, as `write` makes it for that wire; made once for all who are told the same. */
  written(told: readonly Told[], wire: Wire, write: () => Bytes): Bytes {
    if (this.#all.length === 1 && this.#watchers === null) return write()
    this.#written ??= new Map()
    let ofWire = this.#written.get(wire)
    if (!ofWire) {
      ofWire = new Map()
      this.#written.set(wire, ofWire)
    }
    let chunk = ofWire.get(told)
    if (!chunk) {
      chunk = write()
      ofWire.set(told, chunk)
    }
    return chunk
  }
}

/** Those who hear of some uids alone. */
class Watchers {
  readonly all = new Set<FeedListener>()
  readonly #ofUid = new Map<string, Set<FeedListener>>()

  add(listener: FeedListener, uids: ReadonlySet<string>): void {
    this.all.add(listener)
    for (const uid of uids) {
      const watchers = this.#ofUid.get(uid)
      if (watchers) watchers.add(listener)
      else this.#ofUid.set(uid, new Set([listener]))
    }
  }

  remove(listener: FeedListener, uids: ReadonlySet<string>): void {
    this.all.delete(listener)
    for (const uid of uids) {
      const watchers = this.#ofUid.get(uid)
      watchers?.delete(listener)
      if (watchers?.size === 0) this.#ofUid.delete(uid)
    }
  }

  tell(told: readonly Told[]): void {
    const [only] = told
    if (told.length === 1 && only) {
      for (const listener of this.#ofUid.get(only.update.uid) ?? []) listener.told(told)
      return
    }
    for (const [listener, part] of this.#parts(told)) if (this.all.has(listener)) listener.told(toldOf(part))
  }

  #parts(told: readonly Told[]): Map<FeedListener, Part> {
    const parts = new Map<FeedListener, Part>()
    for (const each of told) {
      // Those who were told the same up to here go on with the same.
      const next = new Map<Part | undefined, Part>()
      for (const listener of this.#ofUid.get(each.update.uid) ?? []) {
        const before = parts.get(listener)
        let part = next.get(before)
        if (!part) {
          part = { before, last: each, told: null }
          next.set(before, part)
        }
        parts.set(listener, part)
      }
    }
    return parts
  }
}

function toldOf(part: Part): readonly Told[] {
  if (part.told === null) {
    const told: Told[] = []
    for (let each: Part | undefined = part; each; each = each.before) told.push(each.last)
    part.told = told.reverse()
  }
  return part.told
}
