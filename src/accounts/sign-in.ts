import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import { hashOf } from './hash.js'
import { siteOf } from './network.js'
import { phrase } from './phrase.js'
import { WrongCodes } from './wrong-codes.js'

/** What a user is sent who may be the one that signs in. */
export interface SignInMessage {
  /** Six digits. */
  readonly code: string
  /** For `<confirm/>` (XEP-0070): unguessable. It begins with the phrase, for clients show it. */
  readonly confirmId: string
  /** Signs in whichever browser presses the button on that page. */
  readonly linkToken: string
  readonly phrase: string
  readonly address: string
  /** ms since 1970 */
  readonly at: number
}

/** Never fails: who cannot be reached is not told apart from who does not exist. */
export interface SignInMessenger {
  send(user: BareJid, message: SignInMessage): void
}

export type SignInOutcome =
  | { readonly kind: 'signed-in'; readonly user: BareJid }
  /** She has not confirmed yet. */
  | { readonly kind: 'waiting' }
  /** At least one. */
  | { readonly kind: 'wrong-code'; readonly triesLeft: number }
  /** Codes were guessed too often today, for her or from there: none is looked at. Link and confirmation go on. */
  | { readonly kind: 'codes-refused' }
  /** She refused, it took too long, there were too many tries, too many others began, it is another browser's, the link was used, or there never was such a one. */
  | { readonly kind: 'over' }

/** What is under way, for the page that waits. */
export interface PendingSignIn {
  readonly user: BareJid
  readonly phrase: string
  readonly address: string
  readonly at: number
}

interface Pending extends PendingSignIn, SignInMessage {
  readonly id: string
  readonly secret: string
  /** Where it was begun from. */
  readonly site: string
  /** On the steady clock: setting the other one makes none last. */
  readonly endsAt: number
  triesLeft: number
  isConfirmed: boolean
}

export const SIGN_IN_MS = 10 * 60_000
const TRIES = 5
/** Ten thousand take some 10 MB. One more ends the oldest of the site that began most, which is hardly a stranger's. */
const MOST = 10_000
const MOST_OF_USER = 5

const OVER: SignInOutcome = { kind: 'over' }

/**
 * Sign-in by a message to whoever says she is that user. What is under way lives in memory, bounded, for ten minutes. Each
 * signs in at most one browser: by code or confirmation the one that began, by link whichever uses it, whatever comes first.
 */
export class SignIn {
  readonly #messenger: SignInMessenger
  readonly #clock: Clock
  readonly #random: (bytes: number) => Buffer
  /** The oldest first: all last equally long. */
  readonly #byId = new Map<string, Pending>()
  readonly #byConfirmId = new Map<string, Pending>()
  readonly #byLink = new Map<string, Pending>()
  readonly #ofUser = new Map<BareJid, Set<Pending>>()
  readonly #ofSite = new Map<string, Set<Pending>>()
  readonly #wrongCodes: WrongCodes

  constructor(messenger: SignInMessenger, clock: Clock, random: (bytes: number) => Buffer) {
    this.#messenger = messenger
    this.#clock = clock
    this.#random = random
    this.#wrongCodes = new WrongCodes(clock, random)
  }

  /** null: there is room for one more of this user; else the ms until there is. A newer one never ends an older one, which may be hers. */
  fullFor(user: BareJid): number | null {
    this.#dropOld()
    const his = this.#ofUser.get(user)
    const [oldest] = his && his.size >= MOST_OF_USER ? his : []
    return oldest ? oldest.endsAt - this.#clock.steady() : null
  }

  /** `secret` belongs into a cookie of the browser that asks. Throws where it is full for her. */
  begin(user: BareJid, address: string): { readonly id: string; readonly phrase: string; readonly secret: string } {
    if (this.fullFor(user) !== null) throw new Error('too many sign-ins are under way')
    this.#makeRoom()
    const words = phrase(this.#random)
    const pending: Pending = {
      id: `sgn_${this.#token(18)}`,
      secret: this.#token(32),
      user,
      code: this.#code(),
      confirmId: `${words.replace(' ', '-')}-${this.#token(18)}`,
      linkToken: this.#token(32),
      phrase: words,
      address,
      site: siteOf(address),
      at: this.#clock.now(),
      endsAt: this.#clock.steady() + SIGN_IN_MS,
      triesLeft: TRIES,
      isConfirmed: false,
    }
    this.#byId.set(pending.id, pending)
    this.#byConfirmId.set(hashOf(pending.confirmId), pending)
    this.#byLink.set(hashOf(pending.linkToken), pending)
    addTo(this.#ofUser, user, pending)
    addTo(this.#ofSite, pending.site, pending)
    this.#messenger.send(user, pending)
    return { id: pending.id, phrase: words, secret: pending.secret }
  }

  /** For the browser that began: what it waits for; null where it is over. */
  pending(id: string, secret: string): PendingSignIn | null {
    return this.#of(id, secret)
  }

  /** `code` null: has she confirmed by XMPP? What is not six digits is no try. */
  finish(id: string, secret: string, code: string | null): SignInOutcome {
    const pending = this.#of(id, secret)
    if (!pending) return OVER
    if (code === null) return pending.isConfirmed ? this.#signedIn(pending) : { kind: 'waiting' }
    const { user, site } = pending
    if (this.#wrongCodes.areTooMany(user, site)) return { kind: 'codes-refused' }
    const digits = code.replace(/\s/g, '')
    if (/^\d{6}$/.test(digits)) {
      if (isSame(digits, pending.code)) return this.#signedIn(pending)
      this.#wrongCodes.add(user, site)
      pending.triesLeft--
    }
    if (pending.triesLeft > 0) return { kind: 'wrong-code', triesLeft: pending.triesLeft }
    this.#end(pending)
    return OVER
  }

  /** What the link's page shows; nothing is used up by looking. */
  linked(linkToken: string): PendingSignIn | null {
    this.#dropOld()
    return this.#byLink.get(hashOf(linkToken)) ?? null
  }

  /** For any browser; once. */
  useLink(linkToken: string): BareJid | null {
    this.#dropOld()
    const pending = this.#byLink.get(hashOf(linkToken))
    if (!pending) return null
    this.#end(pending)
    return pending.user
  }

  /** The reply to `<confirm/>`, of this user. */
  confirmed(confirmId: string, user: BareJid, allowed: boolean): void {
    this.#dropOld()
    const pending = this.#byConfirmId.get(hashOf(confirmId))
    if (pending?.user !== user) return
    if (allowed) pending.isConfirmed = true
    else this.#end(pending)
  }

  #of(id: string, secret: string): Pending | null {
    this.#dropOld()
    const pending = this.#byId.get(id)
    return pending && isSame(secret, pending.secret) ? pending : null
  }

  #signedIn(pending: Pending): SignInOutcome {
    this.#end(pending)
    return { kind: 'signed-in', user: pending.user }
  }

  #end(pending: Pending): void {
    this.#byId.delete(pending.id)
    this.#byConfirmId.delete(hashOf(pending.confirmId))
    this.#byLink.delete(hashOf(pending.linkToken))
    takeFrom(this.#ofUser, pending.user, pending)
    takeFrom(this.#ofSite, pending.site, pending)
  }

  #makeRoom(): void {
    if (this.#byId.size < MOST) return
    let most: Iterable<Pending> & { readonly size: number } = new Set<Pending>()
    for (const ofSite of this.#ofSite.values()) if (ofSite.size > most.size) most = ofSite
    const [oldest] = most
    if (oldest) this.#end(oldest)
  }

  #dropOld(): void {
    const now = this.#clock.steady()
    for (const pending of this.#byId.values()) {
      if (pending.endsAt > now) return
      this.#end(pending)
    }
  }

  #token(bytes: number): string {
    return this.#random(bytes).toString('base64url')
  }

  #code(): string {
    for (;;) {
      const number = this.#random(4).readUInt32BE()
      // The rest of 2^32 would favour small ones.
      if (number < 4_294_000_000) return String(number % 1_000_000).padStart(6, '0')
    }
  }
}

function addTo<K>(all: Map<K, Set<Pending>>, key: K, pending: Pending): void {
  all.set(key, (all.get(key) ?? new Set()).add(pending))
}

function takeFrom<K>(all: Map<K, Set<Pending>>, key: K, pending: Pending): void {
  const some = all.get(key)
  some?.delete(pending)
  if (some?.size === 0) all.delete(key)
}

/** How long it takes does not tell how much is right. */
function isSame(given: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(given)), Buffer.from(hashOf(right)))
}
