/** Where that app probably lives, for examples: what has a port or no name of its own can only be somebody's own machine. */
export function appSite(domain: string): string {
  const isPrivate = /:\d+$|^[\d.]+$|^\[|(^|\.)localhost$/.test(domain)
  return `${isPrivate ? 'http' : 'https'}://${domain}`
}
