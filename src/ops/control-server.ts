import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** What an admin asked for cannot be done; the message is for her. */
export class ControlFault extends Error {
  override readonly name = 'ControlFault'
}

export interface ControlHandler {
  /** Throws ControlFault. */
  call(command: string, body: unknown): Promise<unknown>
  /** Everything that is to be shown, now. */
  present(): Iterable<object>
  /** Calls `send` for whatever of it changes, until the returned function is called. */
  watch(send: (line: object) => void): () => void
}

// The largest roster is some MB, and whoever may write here may do anything.
const MAX_BODY_BYTES = 16 * 1024 * 1024
// A terminal that does not read loses its connection here.
const MAX_UNREAD_BYTES = 8 * 1024 * 1024

/** Commands for the running gateway, over HTTP on a Unix socket that only its own user may open. */
export class ControlServer {
  readonly #path: string
  readonly #handler: ControlHandler
  readonly #server: Server

  constructor(path: string, handler: ControlHandler) {
    this.#path = path
    this.#handler = handler
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        const expected = error instanceof ControlFault
        reply(response, expected ? 400 : 500, { error: expected ? error.message : String(error) })
      })
    })
  }

  start(): Promise<void> {
    // Whoever gets here holds the directory's lock, so a socket that lies there is a dead one's.
    rmSync(this.#path, { force: true })
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ path: this.#path }, () => {
        chmodSync(this.#path, 0o600)
        resolve()
      })
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const command = (request.url ?? '').slice(1)
    if (request.method === 'GET' && command === 'watch') return this.#watch(response)
    if (request.method !== 'POST') return reply(response, 405, { error: 'POST a command' })
    reply(response, 200, await this.#handler.call(command, parse(await read(request))))
  }

  async #watch(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    // Before the first user is known, too.
    response.flushHeaders()
    const write = (line: object) => response.write(`${JSON.stringify(line)}\n`)
    const stop = this.#handler.watch((line) => {
      write(line)
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy()
    })
    response.once('close', stop)
    // As fast as it is read: a million users are more than may wait unread.
    for (const line of this.#handler.present()) {
      if (response.destroyed) return
      if (!write(line)) await drained(response)
    }
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text || 'null')
  } catch {
    throw new ControlFault('the request is not JSON')
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_BODY_BYTES) throw new ControlFault('the request is too large')
  }
  return text
}

function reply(response: ServerResponse, code: number, body: unknown): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
