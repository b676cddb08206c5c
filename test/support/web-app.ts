import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void

/** The web app of a site, which has the rosters of its users; each test says how it behaves. */
export class WebApp {
  /** How it answers `/<site>/<username>`; 404 where nothing is said. */
  readonly behaviours = new Map<string, Behaviour>()
  /** Paths, the oldest first. */
  readonly asked: string[] = []
  readonly #server: Server
  #port = 0

  constructor() {
    this.#server = createServer((request, response) => {
      const { url = '' } = request
      this.asked.push(url)
      const behave = this.behaviours.get(url.split('/')[1] ?? '')
      if (behave) behave(request, response)
      else response.writeHead(404).end('not found')
    })
  }

  /** On the port that it had before, if it had one. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    await once(this.#server.close(), 'close')
  }
}

/** Answers 200 with that, as JSON unless it is text. */
export function answering(body: unknown): Behaviour {
  return (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

/** What a web app answers when something is wrong with it. */
export const MISBEHAVIOURS: Record<string, Behaviour> = {
  failing: (_request, response) => void response.writeHead(500).end('{}'),
  html: (_request, response) => void response.writeHead(200).end('<!DOCTYPE html><title>Sign in</title>'),
  redirecting: (_request, response) => void response.writeHead(302, { Location: '/sign-in' }).end(),
  huge: answering(`{"marie@example.org":{"name":"${'x'.repeat(10_000_000)}"}}`),
  'cut-off': (_request, response) => {
    response.writeHead(200, { 'Content-Length': 1000 }).write('{"marie@exa')
    response.destroy()
  },
  'broken-json': answering('{"marie@example.org":{"name":"Marie"}'),
  'wrong-json': answering({ status: 'error', message: 'no database' }),
  'no-jids': answering({ Marie: {}, 'b o b': {}, '@': {} }),
  // The last: who comes again while it has not answered waits for the same answer.
  slow: () => {},
}
