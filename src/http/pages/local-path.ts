// No request has more before its body.
const MOST_CHARACTERS = 16 * 1024
// nginx, as it comes, takes no request line over 8 KiB.
const MOST_ON_THE_WAY = 8000

/** A path of our own to go on to; whatever might lead elsewhere is `/account`. */
export function localPath(text: unknown): string {
  if (typeof text !== 'string' || text.length > MOST_CHARACTERS) return '/account'
  // Browsers take `//` and `/\` for another host, and drop tabs and line feeds before they look.
  return /^\/(?![/\\])[!-[\]-~]*$/.test(text) ? text : '/account'
}

export function signInPath(next: string, id = ''): string {
  return `/sign-in${id && `/${id}`}?next=${encodeURIComponent(next.toWellFormed())}`
}

export function signOutPath(next: string): string {
  return `/sign-out?next=${encodeURIComponent(next.toWellFormed())}`
}

/** Whether it is short enough to come back to after signing in, or out. */
export function survivesSignIn(path: string): boolean {
  return signInPath(path).length <= MOST_ON_THE_WAY
}
