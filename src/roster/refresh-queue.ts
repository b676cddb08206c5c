import type { BareJid } from '../presence/jid.js'
import type { ContactJid } from './contact.js'

export interface Refresh {
  /** Contacts that the server may have as they were before; null: none. All of them are in the roster: so they are bounded. */
  hidden: Set<ContactJid> | null
  /** In company it was not answered: whoever cannot be refreshed keeps the answer from all others in the call. */
  alone: boolean
  /** Of those alone. */
  failures: number
  /** By the steady clock. */
  notBefore: number
  /** Who waits for the outcome; null: nobody. Both are null for most: at a start everybody is refreshed. */
  settle: ((ok: boolean) => void)[] | null
}

const CHUNK = 100
// How long a call waits for more.
const GATHER_MS = 200

/** Whose rosters the server is to fetch again: each user at most once, in the order in which they came. */
export class RefreshQueue {
  readonly #waiting = new Map<BareJid, Refresh>()

  get size(): number {
    return this.#waiting.size
  }

  has(user: BareJid): boolean {
    return this.#waiting.has(user)
  }

  /** Whatever went wrong before, she is due. */
  add(user: BareJid): Refresh {
    let refresh = this.#waiting.get(user)
    if (refresh) refresh.notBefore = 0
    else {
      refresh = { hidden: null, alone: false, failures: 0, notBefore: 0, settle: null }
      this.#waiting.set(user, refresh)
    }
    return refresh
  }

  /** Together with what has come for the user meanwhile. */
  putBack(user: BareJid, refresh: Refresh): void {
    const meanwhile = this.#waiting.get(user)
    if (meanwhile) {
      for (const jid of meanwhile.hidden ?? []) hide(refresh, jid)
      for (const resolve of meanwhile.settle ?? []) onSettled(refresh, resolve)
      this.#waiting.delete(user)
    }
    this.#waiting.set(user, refresh)
  }

  /** For one call. Those alone come last, one a call: each may cost a whole timeout. */
  take(now: number): Map<BareJid, Refresh> {
    const chunk = new Map<BareJid, Refresh>()
    let alone: [BareJid, Refresh] | undefined
    for (const [user, refresh] of this.#waiting) {
      if (!refresh.alone) chunk.set(user, refresh)
      else if (!alone && refresh.notBefore <= now) alone = [user, refresh]
      if (chunk.size === CHUNK) break
    }
    if (chunk.size === 0 && alone) chunk.set(...alone)
    for (const user of chunk.keys()) this.#waiting.delete(user)
    return chunk
  }

  /** When to take the next ones; null: nobody waits. */
  dueAt(now: number): number | null {
    let company = 0
    let due = Number.POSITIVE_INFINITY
    for (const { alone, notBefore } of this.#waiting.values()) {
      if (alone) due = Math.min(due, notBefore)
      else if (++company === CHUNK) return now
    }
    if (company > 0) return now + GATHER_MS
    return this.#waiting.size === 0 ? null : Math.max(now, due)
  }

  /** Whoever waits for any of them is told that it failed. */
  settle(): void {
    for (const refresh of this.#waiting.values()) settle(refresh, false)
  }

  clear(): void {
    this.settle()
    this.#waiting.clear()
  }
}

export function hide(refresh: Refresh, jid: ContactJid): void {
  refresh.hidden ??= new Set()
  refresh.hidden.add(jid)
}

export function onSettled(refresh: Refresh, resolve: (ok: boolean) => void): void {
  refresh.settle ??= []
  refresh.settle.push(resolve)
}

export function settle(refresh: Refresh, ok: boolean): void {
  const waiting = refresh.settle ?? []
  refresh.settle = null
  for (const resolve of waiting) resolve(ok)
}
