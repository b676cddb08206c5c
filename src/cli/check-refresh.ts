import type { Config } from '../config.js'
import { UndiciHttpClient } from '../http/undici-http-client.js'
import { systemClock } from '../ops/system-clock.js'
import { moduleFault, probeCall } from '../roster/module-call.js'
import type { Findings } from './findings.js'

const ANSWER_MS = 5000

/**
 * Whether Prosody can be told of changed rosters, on each domain where it is to be; `known` is what the running gateway has
 * found wrong, by domain. Resolves with what tells it.
 */
export async function checkRefresh(
  config: Config,
  stop: AbortSignal,
  known: ReadonlyMap<string, string> = new Map(),
): Promise<(findings: Findings) => void> {
  const client = new UndiciHttpClient(systemClock)
  const asked = [...config.domains].map(async ([domain, { roster }]) => {
    const { refreshUrl: url, refreshHost: host } = roster
    if (url === '') return []
    const address = { url, host }
    const answer = await client.call({ ...probeCall(address), timeoutMs: ANSWER_MS }, stop)
    return [[domain, known.get(domain) ?? moduleFault(address, answer)]] as const
  })
  const found = (await Promise.all(asked)).flat()
  await client.close()
  return (findings) => {
    for (const [domain, fault] of found) {
      if (fault !== null) findings.fail(`refresh ${domain}`, fault)
      else findings.ok(`refresh ${domain}`, 'Prosody can be told of changed rosters')
    }
  }
}
