export type AppFaultKind = 'bad-field' | 'wrong-state' | 'too-many' | 'too-often' | 'not-found' | 'not-now'

/** What somebody asked of her app that cannot be done; the message says why, to her. */
export class AppFault extends Error {
  override readonly name = 'AppFault'
  readonly kind: AppFaultKind

  constructor(kind: AppFaultKind, message: string) {
    super(message)
    this.kind = kind
  }
}
