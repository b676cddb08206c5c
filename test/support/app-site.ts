import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The web server of an app that somebody develops on this machine. */
export class AppSite {
  /** What it shows, by path; 404 for anything else. */
  readonly files = new Map<string, string | Buffer | ((request: IncomingMessage, response: ServerResponse) => void)>()
  /** Paths, the oldest first. */
  readonly asked: string[] = []
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? ''
      this.asked.push(path)
      const file = this.files.get(path)
      if (file === undefined) response.writeHead(404).end()
      else if (typeof file === 'function') file(request, response)
      else response.end(file)
    })
  }

  static async start(): Promise<AppSite> {
    const site = new AppSite()
    await once(site.#server.listen(0, '127.0.0.1'), 'listening')
    return site
  }

  get domain(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await once(this.#server.close(), 'close')
  }
}
