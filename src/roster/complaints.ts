import type { BareJid } from '../presence/jid.js'

const MAX_NAMED = 10
const MAX_COMPLAINTS = 1000

/** What was said of each user last, so that it is said once; of the last 1,000 users. */
export class Complaints {
  readonly #last = new Map<BareJid, string>()

  /** null: there is nothing, or nothing new. */
  about(user: BareJid, faults: readonly string[]): string | null {
    const before = this.#last.get(user)
    this.#last.delete(user)
    if (faults.length === 0) return null
    const rest = faults.length - MAX_NAMED
    const what = faults.slice(0, MAX_NAMED).join('; ') + (rest > 0 ? `; and ${rest} more` : '')
    this.#last.set(user, what)
    const [oldest] = this.#last.keys()
    if (this.#last.size > MAX_COMPLAINTS && oldest !== undefined) this.#last.delete(oldest)
    return what === before ? null : what
  }
}
