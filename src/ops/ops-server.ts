import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'

/** Why the gateway is not ready; empty: it is. */
export type Readiness = () => readonly string[]

/** /healthz, /readyz and /metrics, on an address of their own. */
export class OpsServer {
  readonly #server: Server
  readonly #address: { readonly host: string; readonly port: number }
  readonly #readiness: Readiness
  readonly #registry: Registry

  constructor(address: { host: string; port: number }, readiness: Readiness, registry: Registry) {
    this.#address = address
    this.#readiness = readiness
    this.#registry = registry
    // Node looks each half minute by itself, and the limits below would be as late.
    this.#server = createServer({ connectionsCheckingInterval: 1000 }, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy())
    })
    this.#server.headersTimeout = 10_000
    this.#server.requestTimeout = 12_000
    this.#server.maxConnections = 100
  }

  /** Resolves with the URL; rejects with node's own error. */
  start(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#address, () => {
        const { address, family, port } = this.#server.address() as AddressInfo
        resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`)
      })
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'method not allowed\n')
    switch (path) {
      case '/healthz':
        return send(response, 200, 'ok\n')
      case '/readyz': {
        const reasons = this.#readiness()
        return send(
          response,
          reasons.length === 0 ? 200 : 503,
          reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`,
        )
      }
      case '/metrics':
        return send(response, 200, await this.#registry.metrics(), this.#registry.contentType)
      default:
        return send(response, 404, 'not found\n')
    }
  }
}

function send(response: ServerResponse, code: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body)
}
