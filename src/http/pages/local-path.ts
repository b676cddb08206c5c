const MOST_CHARACTERS = 4096

/** A path of our own to go on to; whatever might lead elsewhere is `/account`. */
export function localPath(text: unknown): string {
  if (typeof text !== 'string' || text.length > MOST_CHARACTERS) return '/account'
  // Browsers take `//` and `/\` for another host, and drop tabs and line feeds before they look.
  return /^\/(?![/\\])[!-[\]-~]*$/.test(text) ? text : '/account'
}

export function signInPath(next: string, id = ''): string {
  return `/sign-in${id && `/${id}`}?next=${encodeURIComponent(next.toWellFormed())}`
}
