import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { until } from './until.js'

export const HEADER =
  `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' ` +
  `xmlns='jabber:component:accept' id='s1' from='presence.example.org'>`
export const ACCEPTED = '<handshake/>'
export const STREAM_END = '</stream:stream>'

/** Of the gateway to it. */
export interface Connection {
  readonly socket: Socket
  /** All that came so far. */
  received: string
  readonly number: number
}

/** An XMPP server for components, but for what a test makes it do. */
export class HostileServer {
  readonly connections: Connection[] = []
  readonly port: number
  readonly #server: Server
  readonly #open = new Set<Socket>()

  private constructor(server: Server, behave: (connection: Connection) => void) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      const connection: Connection = { socket, received: '', number: this.connections.length }
      this.#open.add(socket)
      this.connections.push(connection)
      socket.on('error', () => {})
      socket.on('close', () => this.#open.delete(socket))
      socket.on('data', (data) => {
        connection.received += data.toString()
      })
      behave(connection)
    })
  }

  static async start(behave: (connection: Connection) => void): Promise<HostileServer> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new HostileServer(server, behave)
  }

  get open(): number {
    return this.#open.size
  }

  /** The newest connection, once it has authenticated. */
  accepted(): Promise<Connection> {
    return until(() => {
      const connection = this.connections.at(-1)
      return connection?.received.includes('</handshake>') && connection
    })
  }

  get service(): string {
    return `xmpp://127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await once(this.#server.close(), 'close')
  }
}

/** Opens the stream and accepts whatever secret; then does `then`. Answers the end of the stream with its own. */
export function accepting(then: (connection: Connection) => void = () => {}): (connection: Connection) => void {
  return (connection) => {
    const { socket } = connection
    let step = 0
    let end = ''
    socket.on('data', (data) => {
      // All that was received can be megabytes, too much to look through each time.
      end = end.slice(-STREAM_END.length) + data
      if (step === 0 && connection.received.includes('<stream:stream')) {
        step = 1
        socket.write(HEADER)
      }
      if (step === 1 && connection.received.includes('</handshake>')) {
        step = 2
        socket.write(ACCEPTED)
        then(connection)
      }
      if (end.includes(STREAM_END)) socket.end(STREAM_END)
    })
  }
}

/** Waits for the stream header, answers it, waits for the handshake, and does `then` instead of accepting it. */
export function atHandshake(then: (socket: Socket) => void): (connection: Connection) => void {
  return (connection) => {
    const { socket } = connection
    let step = 0
    socket.on('data', () => {
      if (step === 0 && connection.received.includes('<stream:stream')) {
        step = 1
        socket.write(HEADER)
      }
      if (step === 1 && connection.received.includes('</handshake>')) {
        step = 2
        then(socket)
      }
    })
  }
}
