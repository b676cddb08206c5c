export interface OutboundAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Why there is no answer, for whoever named the URL: nothing of our own network is in it. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
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
  /** Whether every address of that host (a name or a literal) is one of `outbound.allowPrivate`. */
  isAllowedPrivate(hostname: string): Promise<boolean>
}
