import assert from 'node:assert/strict'
import type { GatewayProcess } from './gateway-process.js'
import { until } from './until.js'

/** A status query's JSON form. */
export interface JsonStatus {
  readonly jid: string
  readonly status: string
  readonly show: string
  readonly text: string | null
  readonly since: string | null
  readonly seconds: number | null
  readonly freshness: string
}

/** Asks until every expected field is as expected. */
export function untilJson(
  gateway: GatewayProcess,
  jid: string,
  expected: Partial<JsonStatus>,
  timeoutMs = 5000,
): Promise<JsonStatus> {
  return until(
    async () => {
      const { body } = await gateway.status(jid, { suffix: '.json' })
      const actual: JsonStatus = JSON.parse(body)
      for (const [key, value] of Object.entries(expected)) assert.equal(actual[key as keyof JsonStatus], value, key)
      return actual
    },
    timeoutMs,
    `${jid} to be ${JSON.stringify(expected)}`,
  )
}
