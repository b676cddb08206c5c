import type { Context } from 'koa'

/** A cookie that only we read, at whatever path, and no other site can have sent along with a form. */
export class Cookie {
  readonly #name: string
  readonly #isSecure: boolean

  /** Over https it is bound to this very host (`__Host-`, RFC 6265bis): a subdomain cannot set it for us. */
  constructor(name: string, publicUrl: string) {
    this.#isSecure = new URL(publicUrl).protocol === 'https:'
    this.#name = this.#isSecure ? `__Host-${name}` : name
  }

  get(ctx: Context): string | null {
    return ctx.cookies.get(this.#name) || null
  }

  set(ctx: Context, value: string, maxAgeMs: number): void {
    this.#set(ctx, value, maxAgeMs)
  }

  clear(ctx: Context): void {
    this.#set(ctx, null, 0)
  }

  #set(ctx: Context, value: string | null, maxAge: number): void {
    // TLS ends at the proxy in front of us.
    ctx.cookies.secure = this.#isSecure
    ctx.cookies.set(this.#name, value, {
      httpOnly: true,
      sameSite: 'lax',
      secure: this.#isSecure,
      overwrite: true,
      // Cleared by an expiry of its own.
      ...(value !== null && { maxAge }),
    })
  }
}
