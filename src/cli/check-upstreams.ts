import type { Config } from '../config.js'
import { UndiciHttpClient } from '../http/undici-http-client.js'
import { systemClock } from '../ops/system-clock.js'
import { parseBareJid } from '../presence/jid.js'
import type { HttpAnswer } from '../roster/http-client.js'
import { readUpstreamAnswer } from '../roster/upstream-answer.js'
import { rosterCall } from '../roster/upstream-call.js'
import type { Findings } from './findings.js'

const TIMEOUT_MS = 5000
const NOBODY = 'presence-gateway-check'

/** Asks each web app that has rosters for those of a user whom nobody is; resolves with what tells of it. */
export async function checkUpstreams(config: Config, stop: AbortSignal): Promise<(findings: Findings) => void> {
  const http = new UndiciHttpClient(systemClock)
  const asked = [...config.domains].map(async ([domain, { roster }]) => {
    const nobody = parseBareJid(NOBODY, domain)
    const call = roster.upstream === '' || nobody.fault !== undefined ? null : rosterCall(roster.upstream, nobody.jid)
    if (!call) return () => {}
    const answer = await http.call({ ...call, timeoutMs: TIMEOUT_MS }, stop)
    return (findings: Findings) => tell(`upstream ${domain}`, call.url.host, answer, findings)
  })
  const tellings = await Promise.all(asked).finally(() => http.close())
  return (findings) => {
    for (const telling of tellings) telling(findings)
  }
}

function tell(what: string, host: string, answer: HttpAnswer, findings: Findings): void {
  const read = readUpstreamAnswer(answer)
  if (read.kind !== 'failed') return findings.ok(what, `${host} answers`)
  const said = `${host}: ${read.why}`
  if (answer.kind === 'failed' || answer.status === 200) return findings.fail(what, said)
  if (answer.status === 401 || answer.status === 403) {
    return findings.fail(what, `${said}: put the user and password that it wants into the URL`)
  }
  findings.warn(what, `${said} for ${NOBODY}, whom nobody is; it should answer {} or 404`)
}
