import type { App } from './app.js'
import { MOST_REDIRECT } from './redirect.js'

const MOST_SHOWN = 100

/** What is wrong with a redirect that `readRedirect` does not take, in one sentence. */
export function redirectFault(text: string | undefined, { domain, hosts }: Pick<App, 'domain' | 'hosts'>): string {
  if (text === undefined || text === '') return 'is missing'
  if (text.length > MOST_REDIRECT) return `has more than ${MOST_REDIRECT.toLocaleString('en')} characters`
  if (text.includes('#')) return 'has a fragment (#…), and must have none'
  if (!/^https?:\/\/[^/?]/i.test(text)) return `must be a whole URL: https://${domain}/…`
  if (/[^!-~]|\\/.test(text)) return 'has characters that must be percent-encoded'
  if (!URL.canParse(text)) return 'is not a URL'
  const { protocol, host, username, password } = new URL(text)
  if (username !== '' || password !== '') return 'has a user name or a password in it, and must have none'
  const allowed = [domain, ...hosts]
  if (!allowed.includes(host)) {
    const shown = host.length > MOST_SHOWN ? `${host.slice(0, MOST_SHOWN)}…` : host
    return `its host is ${shown}, not ${domain}${hosts.length > 0 ? ' or one that the app has listed' : ''}`
  }
  if (protocol === 'http:') return 'must begin with https:// (http:// only inside outbound.allowPrivate)'
  return `must be an https:// URL on ${domain} or a host that the app has listed`
}
