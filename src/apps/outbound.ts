export interface OutboundAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Why there is no answer, for whoever named the URL: nothing of our own network is in it. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  /** It may be otherwise in a moment: nothing is said of the URL. */
  readonly isPassing: boolean

  constructor(message: string, isPassing = false) {
    super(message)
    this.isPassing = isPassing
  }
}

/**
 * Calls URLs that strangers name. Never one that leads into a private network, by whatever spelling, name or redirect,
 * save those of `outbound.allowPrivate`; 64 KiB and 5 s for all of it; redirects are answers like any other.
 */
export interface Outbound {
  /** Throws OutboundError. */
  get(url: URL, headers?: Readonly<Record<string, string>>): Promise<OutboundAnswer>
  /** Throws OutboundError for a URL that would not be called, as far as can be said without calling it. */
  check(url: URL): Promise<void>
  /**
   * Whether every address of that host (a name or a literal) is one of `outbound.allowPrivate`. Throws OutboundError, a passing
   * one, where that cannot be said now.
   */
  isAllowedPrivate(hostname: string): Promise<boolean>
  /** The same, for so many ms from now on: by then whatever it was asked for has come or failed, waiting in line included. */
  within(ms: number): Outbound
}
