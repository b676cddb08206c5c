import { createServer, type Server } from 'node:net'
import type { Config } from '../config.js'
import { bindError } from '../http/http-server.js'
import type { Findings } from './findings.js'

/** Listens where the gateway would, for a moment. */
export async function checkPorts({ http, ops }: Config, findings: Findings): Promise<void> {
  const held: Server[] = []
  const wanted = [{ what: 'http', key: 'http.host and http.port', address: { host: http.host, port: http.port } }]
  if (ops.listen) wanted.push({ what: 'ops', key: 'ops.listen', address: ops.listen })
  for (const { what, key, address } of wanted) {
    const { host, port } = address
    try {
      // Both at once, so that one address for both is noticed.
      held.push(await listen(host, port))
      findings.ok(what, port === 0 ? `${host} has a free port` : `${host}:${port} is free`)
    } catch (error) {
      findings.fail(what, `${bindError(error as NodeJS.ErrnoException, host, port).message}: free it, or mend ${key}`)
    }
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
}

function listen(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => resolve(server))
  })
}
