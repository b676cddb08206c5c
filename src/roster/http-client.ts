export interface HttpCall {
  readonly method: 'GET' | 'POST'
  /** Userinfo in it goes out as Basic authentication. */
  readonly url: URL
  /** By lower-case name; `host` too, where it must differ from the URL's. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** For all of it: connection, head and body. */
  readonly timeoutMs: number
  /** Of the answer's body; a longer one is a failure. */
  readonly maxBytes: number
}

export type HttpAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  /** `why`: for the admin, without the URL's password. */
  | { readonly kind: 'failed'; readonly why: string }

/** For those servers that the admin named: nothing here guards against where a URL may lead. */
export interface HttpClient {
  /** Never rejects. Redirects are answers like any other. `signal`: given up then. */
  call(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer>
  /** Ends what is under way. */
  close(): Promise<void>
}
