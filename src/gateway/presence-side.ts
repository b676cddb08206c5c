import { Forgotten } from '../accounts/forgotten.js'
import { PublicLinks } from '../accounts/public-links.js'
import type { Config } from '../config.js'
import type { Clock, Timer } from '../presence/clock.js'
import { Domains } from '../presence/domains.js'
import { every } from '../presence/every.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import { PresenceBoard } from '../presence/presence-board.js'
import type { StoredPresence } from '../presence/presence-store.js'
import { PresenceWriter } from '../presence/presence-writer.js'
import { Publications } from '../presence/publication.js'
import { Subscriptions } from '../presence/subscriptions.js'
import type { Memory } from '../storage/database-in-use.js'
import type { Storage } from '../storage/storage.js'

export interface PresenceSideParts {
  readonly config: Config
  readonly storage: Storage
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
}

interface Loaded {
  readonly publications: Publications
  readonly links: PublicLinks
  readonly forgotten: Forgotten
  readonly subscribers: Subscriptions
  readonly knownUntil: number | null
}

const FORGET_EVERY_MS = 3_600_000
const CHECK_STORAGE_MS = 1000
const PRUNE_EVERY_MS = 1000

/** What is known of users, in memory; loaded at the start, and stored behind it from then on. */
export class PresenceSide {
  readonly domains: Domains
  readonly board: PresenceBoard
  readonly writer: PresenceWriter
  readonly publications: Publications
  readonly links: PublicLinks
  readonly forgotten: Forgotten
  readonly subscribers: Subscriptions
  readonly #parts: PresenceSideParts
  #knownUntil: number | null
  #timers: readonly Timer[] = []

  private constructor(parts: PresenceSideParts, loaded: Loaded) {
    const { config, storage, clock } = parts
    const { limits, xmpp } = config
    this.#parts = parts
    this.publications = loaded.publications
    this.links = loaded.links
    this.forgotten = loaded.forgotten
    this.subscribers = loaded.subscribers
    this.#knownUntil = loaded.knownUntil
    this.domains = new Domains([...config.domains.values()].map(({ written }) => written))
    const boardLimits = { resources: limits.resources, staleAfterMs: xmpp.staleAfter }
    const seed = parts.random(4).readInt32LE(0)
    this.board = new PresenceBoard(clock, boardLimits, loaded.knownUntil, (user) => this.forgotten.has(user), seed)
    const kept = { ms: limits.changeLog, rows: limits.changeLogRows }
    this.writer = new PresenceWriter(this.board, storage.presences, clock, kept)
  }

  static async start(parts: PresenceSideParts): Promise<PresenceSide> {
    const { config, storage, random } = parts
    const publishing = new Map([...config.domains].map(([name, { publish }]) => [name, publish]))
    const side = new PresenceSide(parts, {
      publications: await Publications.load(publishing, storage.publications),
      links: await PublicLinks.load(storage.publicLinks, random),
      forgotten: await Forgotten.load(storage.forgotten, storage.secret('forgotten', random)),
      subscribers: await Subscriptions.load(storage.subscriptions),
      knownUntil: await storage.presences.knownUntil(),
    })
    await side.#load()
    side.#start()
    return side
  }

  /** What is known is so now. A gateway that restarts again and again must not call the same old presence stale for ever. */
  saveKnownUntil(): void {
    const { clock, storage } = this.#parts
    this.#knownUntil = clock.now()
    storage.presences.saveKnownUntil(this.#knownUntil).catch(() => {})
  }

  /** Stores what waits to be stored; rejects if that fails. */
  async flush(): Promise<void> {
    await this.subscribers.saveUnsaved()
    await this.writer.flush()
  }

  /** Stores what waits to be stored; rejects if that fails. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    try {
      await this.subscribers.saveUnsaved()
    } finally {
      await this.writer.stop()
    }
  }

  async #load(): Promise<void> {
    const isAccount = this.#parts.config.xmpp.connection === 'account'
    await this.writer.load((domain) => isAccount || this.domains.has(domain))
    // Whom an account knows, its roster says.
    if (isAccount) return
    for (const user of await this.#expected()) if (this.domains.has(domainOf(user))) this.board.expect(user)
  }

  /** Known, though perhaps never seen: who decided who sees her, and who let us see her; never who took that back. */
  async #expected(): Promise<readonly BareJid[]> {
    const { publications, links, subscribers } = this
    const seen = await this.#parts.storage.grants.users()
    const chosen = [...publications.chosen().keys(), ...links.users(), ...seen]
    const granted = [...subscribers.all()].flatMap(([user, { consent }]) => (consent === 'granted' ? [user] : []))
    return [...chosen.filter((user) => !subscribers.hasRefused(user)), ...granted]
  }

  #start(): void {
    const { storage, clock } = this.#parts
    this.writer.start()
    const memory: Memory = {
      waiting: () => this.writer.failing || this.subscribers.unsaved > 0,
      contents: () => ({
        presences: this.#stored(),
        knownUntil: this.#knownUntil,
        choices: this.publications.chosen(),
        subscriptions: this.subscribers.all(),
        links: this.links.all(),
        forgotten: this.forgotten.hashes(),
      }),
    }
    this.#forget()
    this.#timers = [
      every(clock, CHECK_STORAGE_MS, () => storage.check(memory)),
      // What it could not do, Storage says.
      every(clock, PRUNE_EVERY_MS, () => this.writer.prune().catch(() => {})),
      every(clock, FORGET_EVERY_MS, () => this.#forget()),
    ]
  }

  /** Users of whom nothing was seen for `limits.forgetAfter`. */
  #forget(): void {
    const before = this.#parts.clock.now() - this.#parts.config.limits.forgetAfter
    for (const user of this.board.offlineSinceBefore(before)) this.board.forget(user)
  }

  *#stored(): Generator<StoredPresence> {
    for (const domain of this.board.domains) {
      for (const user of this.board.usersOf(domain)) {
        const stored = this.board.stored(user)
        // Who is merely known to exist was never seen.
        if (stored.show !== 'unknown') yield stored
      }
    }
  }
}
