import type { BareJid } from '../presence/jid.js'

/** What a user is sent who may be the one that signs in. */
export interface SignInMessage {
  /** Six digits. */
  readonly code: string
  /** For `<confirm/>` (XEP-0070): unguessable. */
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
  | { readonly kind: 'wrong-code'; readonly triesLeft: number }
  /** She refused, it took too long, there were too many tries, it is another browser's, or there never was such a one. */
  | { readonly kind: 'over' }

/** What is under way, for the page that waits. */
export interface PendingSignIn {
  readonly user: BareJid
  readonly phrase: string
  readonly address: string
  readonly at: number
}

/** Sign-in by a message to whoever says she is that user. What is under way lives in memory, bounded, for ten minutes. */
export interface SignIn {
  /** `secret` belongs into a cookie of the browser that asks. */
  begin(user: BareJid, address: string): { readonly id: string; readonly phrase: string; readonly secret: string }
  /** For the browser that began: what it waits for; null where it is over. */
  pending(id: string, secret: string): PendingSignIn | null
  /** `code` null: has she confirmed by XMPP? */
  finish(id: string, secret: string, code: string | null): SignInOutcome
  /** What the link's page shows; nothing is used up by looking. */
  linked(linkToken: string): PendingSignIn | null
  /** For any browser; once. */
  useLink(linkToken: string): BareJid | null
  /** The reply to `<confirm/>`, of this user. */
  confirmed(confirmId: string, user: BareJid, allowed: boolean): void
}
