import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

type Contacts = Record<string, { name?: string; groups?: Record<string, boolean> }>

interface Request {
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** A web application that knows who is friends with whom: `GET /roster/<domain>/<username>`, of nobody an empty roster. */
export class RosterWebApp {
  readonly rosters = new Map<string, Contacts>()
  readonly requests: Request[] = []
  /** For everybody, in place of any roster. */
  failure: number | null = null
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? ''
      this.requests.push({ path, headers: request.headers })
      if (this.failure !== null) response.statusCode = this.failure
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify(this.rosters.get(path.slice(path.lastIndexOf('/') + 1)) ?? {}))
    })
  }

  static async start(): Promise<RosterWebApp> {
    const app = new RosterWebApp()
    app.#server.listen(0, '127.0.0.1')
    await once(app.#server, 'listening')
    return app
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
