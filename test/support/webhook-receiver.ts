import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

export interface WebhookCall {
  readonly path: string
  readonly id: string
  /** Seconds since 1970 */
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
  readonly json: any
}

/** `hang`: never answers. */
export type WebhookAnswer = number | { readonly status: number; readonly headers: Record<string, string> } | 'hang'

/** The server of an app that is called: it keeps what comes, and answers as it is told. */
export class WebhookReceiver {
  readonly calls: WebhookCall[] = []
  answer: (call: WebhookCall) => WebhookAnswer | Promise<WebhookAnswer> = () => 204
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Connections that there ever were. */
  connections = 0

  private constructor() {
    this.#server = createServer(async (request, response) => {
      try {
        const body = (await buffer(request)).toString()
        const headers = request.headers as Record<string, string>
        const call = {
          path: request.url ?? '',
          id: headers['webhook-id'] ?? '',
          timestamp: Number(headers['webhook-timestamp']),
          headers,
          body,
          json: JSON.parse(body),
        }
        this.calls.push(call)
        const answer = await this.answer(call)
        if (answer === 'hang') return
        const { status, headers: said } = typeof answer === 'number' ? { status: answer, headers: {} } : answer
        response.writeHead(status, said).end()
      } catch {
        // Whoever called was killed.
        response.destroy()
      }
    })
    this.#server.on('connection', (socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver()
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/webhook`
  }

  get open(): number {
    return this.#sockets.size
  }

  /** All pairs of all calls, in order; repeated calls once. */
  get pairs(): unknown[][] {
    const calls = new Map(this.calls.map((call) => [call.id, call]))
    return [...calls.values()].flatMap(({ json }) => json.data ?? [])
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await once(this.#server.close(), 'close')
  }
}

/** As an app does that knows that secret: throws where it is not signed with it, or not lately. */
export function verify({ body, headers }: WebhookCall, secret: string): void {
  new Webhook(secret).verify(body, headers as Record<string, string>)
}

/** The same, whenever that was. */
export function assertSigned({ id, timestamp, body, headers }: WebhookCall, secret: string): void {
  const expected = new Webhook(secret).sign(id, new Date(timestamp * 1000), body)
  assert(headers['webhook-signature']?.split(' ').includes(expected), `${headers['webhook-signature']}`)
}
