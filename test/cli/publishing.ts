import * as z from 'zod'
import { ControlClient } from '../../src/cli/control-client.js'
import { loadRunningConfig } from '../../src/config.js'
import { openDatabase } from '../../src/storage/database.js'
import type { GatewayProcess } from '../support/gateway-process.js'

/** Commands to a running gateway, without a process for each. */
export function controlOf(gateway: GatewayProcess) {
  const client = new ControlClient(loadRunningConfig(gateway.configFile))
  return {
    /** Rejects when it was not acknowledged. */
    publish: (jid: string, choice: string) => client.call('publish', { jid, choice }, z.unknown()),
  }
}

/** The nth of many whose names are long: few of them fill what SQLite keeps in memory. */
export const manyth = (n: number) => `u${n}-${'x'.repeat(100)}@example.org`

/** So many of these have chosen `status`, in the database of a gateway that does not run. */
export function publishing(directory: string, users: number): void {
  const database = openDatabase(directory)
  const insert = database.prepare('REPLACE INTO publication VALUES (?, ?)')
  database.transaction(() => {
    for (let i = 0; i < users; i++) insert.run(manyth(i), 'status')
  })()
  database.close()
}
