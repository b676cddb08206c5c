import assert from 'node:assert/strict'
import type { GatewayProcess } from './gateway-process.js'
import type { JsonStatus } from './json-status.js'

const AT_ONCE = 1000

/** Of all of them, in order, by as many queries as it takes. One whom nobody knows has an `error`. */
export async function batchStatus(
  gateway: GatewayProcess,
  jids: readonly string[],
): Promise<(JsonStatus & { readonly error?: string })[]> {
  const answers: (JsonStatus & { readonly error?: string })[] = []
  for (let from = 0; from < jids.length; from += AT_ONCE) {
    const body = JSON.stringify({ jids: jids.slice(from, from + AT_ONCE) })
    const response = await fetch(`${gateway.url}/xmpp/status`, { method: 'POST', body })
    assert.equal(response.status, 200, 'the status of POST /xmpp/status')
    answers.push(...((await response.json()) as { presences: JsonStatus[] }).presences)
  }
  return answers
}
