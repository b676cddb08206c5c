import type { Config } from '../config.js'
import type { DomainReport } from '../gateway/xmpp-side.js'
import type { Findings } from './findings.js'
import { shippedFile } from './server-snippet.js'

/** Which way the rosters of a domain come to its server, and whether it works. Silent where nobody seems to want that. */
export function checkRosters(state: DomainReport, config: Config, findings: Findings): void {
  const { domain, server, rosterPrivilege } = state
  const roster = config.domains.get(domain)?.roster
  const what = `rosters ${domain}`
  if (roster?.refreshUrl) {
    findings.ok(
      what,
      `the server fetches them (mod_http_roster_admin), and is told of changes at ${bare(roster.refreshUrl)}`,
    )
  } else if (roster?.upstream) {
    findings.ok(what, `the server fetches them, and they come from ${bare(roster.upstream)}`)
  } else if (rosterPrivilege?.fault === null) {
    findings.ok(what, 'the gateway writes them by privilege (XEP-0356): tried on an account that nobody has')
  } else if (rosterPrivilege) {
    const why = `the server announces that the gateway may write them, and then fails (${rosterPrivilege.fault})`
    const known = server === 'ejabberd' ? ': ejabberd 23.01 does; its own shared rosters are the way there' : ''
    findings.warn(what, `${why}${known}`)
  } else if (config.roster.tokens.length > 0) {
    findings.warn(what, `changes reach no client: ${advice(state)}`)
  }
}

function advice({ domain, server }: DomainReport): string {
  const module = `set domains.${domain}.roster.refreshUrl, if the server has mod_http_roster_admin`
  return server === 'prosody'
    ? `${module}; else set rosters = "both" in ${shippedFile('prosody', 'privileged')}, or in your copy of it`
    : module
}

/** Without a password in it. */
function bare(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//')
}
