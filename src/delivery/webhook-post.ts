/** What came of it: an answer, whatever it says, or why there was none, for whoever named the URL. */
export type PostOutcome = { readonly status: number; readonly retryAfter: string | null } | { readonly error: string }

/**
 * Posts to URLs that strangers name, never into a private network, as `Outbound` has it; redirects are answers like any other, and
 * of the answer's body nothing is wanted. How many go on at once is for the caller to bound.
 */
export interface WebhookPost {
  /** Never rejects. `timeoutMs`: for all of it. `isWanted` is asked once there is a connection: if not, nothing is written to it. */
  post(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: string,
    timeoutMs: number,
    isWanted?: () => boolean,
  ): Promise<PostOutcome>
}
