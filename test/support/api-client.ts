/** Somebody's browser, or script, at `/api`: keeps its cookies. */
export class ApiClient {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly cookies = new Map<string, string>()

  /** `headers`: with each request, such as the Origin of a browser. */
  constructor(url: string, headers: Record<string, string> = {}) {
    this.#url = url
    this.#headers = headers
  }

  /** As another one that has stolen all of its cookies. */
  copy(): ApiClient {
    const copy = new ApiClient(this.#url, this.#headers)
    for (const [name, value] of this.cookies) copy.cookies.set(name, value)
    return copy
  }

  async ask(
    method: string,
    path: string,
    json?: unknown,
    headers: Record<string, string> = {},
    // biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
  ): Promise<{ status: number; headers: Headers; text: string; json: any }> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...(cookie && { Cookie: cookie }),
        ...this.#headers,
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text.startsWith('{') ? JSON.parse(text) : null,
    }
  }
}
