import type { Clock } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import { hashOf } from './hash.js'
import type { Session, SessionStore } from './session.js'

const UNUSED_MS = 30 * 24 * 3_600_000
// So that reading pages does not mean writing to the disk.
const NOTED_EVERY_MS = 3_600_000
const SWEPT_EVERY_MS = 24 * 3_600_000
/** Of one user; one more ends the one that was not used for longest. */
const MOST = 50

/** Who is signed in with which browser. */
export class Sessions {
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #random: (bytes: number) => Buffer
  readonly #signedIn: (user: BareJid) => Promise<void>
  #sweptAt = Number.NEGATIVE_INFINITY

  /** `signedIn`: is waited for before a session begins. */
  constructor(
    store: SessionStore,
    clock: Clock,
    random: (bytes: number) => Buffer,
    signedIn: (user: BareJid) => Promise<void> = async () => {},
  ) {
    this.#store = store
    this.#clock = clock
    this.#random = random
    this.#signedIn = signedIn
  }

  /** Returns what the cookie is to hold. */
  async begin(user: BareJid, from: Pick<Session, 'browser' | 'address'>): Promise<string> {
    const now = this.#clock.now()
    await this.#sweep()
    await this.#signedIn(user)
    const byUse = [...(await this.#store.ofUser(user))].sort((a, b) => a.usedAt - b.usedAt)
    for (const { id } of byUse.slice(0, Math.max(0, byUse.length + 1 - MOST))) await this.#store.remove(id)
    const token = this.#random(32).toString('base64url')
    await this.#store.save({ id: hashOf(token), user, ...from, createdAt: now, usedAt: now })
    return token
  }

  /** null: there is none, or it was not used for 30 days. */
  async find(token: string): Promise<Session | null> {
    const session = await this.#store.find(hashOf(token))
    const now = this.#clock.now()
    if (!session || isOver(session, now)) return null
    if (now - session.usedAt < NOTED_EVERY_MS) return session
    // Whoever is signed in stays so while nothing can be stored; the storage says itself what is wrong with it.
    await this.#store.used(session.id, now).catch(() => {})
    return { ...session, usedAt: now }
  }

  /** The newest first. */
  async ofUser(user: BareJid): Promise<readonly Session[]> {
    const now = this.#clock.now()
    return (await this.#store.ofUser(user)).filter((session) => !isOver(session, now))
  }

  /** Once resolved it does not come back. */
  end(session: Session): Promise<void> {
    return this.#store.remove(session.id)
  }

  endAll(user: BareJid): Promise<void> {
    return this.#store.removeOfUser(user)
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.steady()
    if (now - this.#sweptAt < SWEPT_EVERY_MS) return
    this.#sweptAt = now
    await this.#store.removeUnusedSince(this.#clock.now() - UNUSED_MS)
  }
}

function isOver({ usedAt }: Session, now: number): boolean {
  return now - usedAt >= UNUSED_MS
}
