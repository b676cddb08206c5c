export type AppFaultKind = 'bad-field' | 'wrong-state' | 'too-many' | 'too-often' | 'not-found' | 'not-now'

/** What somebody asked of her app that cannot be done; the message says why, to her. */
export class AppFault extends Error {
  override readonly name = 'AppFault'
  readonly kind: AppFaultKind
  /** When asking again may help; null: that is not a matter of time. */
  readonly retryAfterMs: number | null

  constructor(kind: AppFaultKind, message: string, retryAfterMs: number | null = null) {
    super(message)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
  }
}
