import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from './until.js'

/** A bare XEP-0114 link: what a server makes of it, byte for byte. */
export class ComponentLink {
  readonly #socket: Socket
  #received = ''
  #closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#received += text
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#closed = true
    })
  }

  /** Resolves once the server has answered the handshake, whatever it answered. */
  static async open(options: { port: number; domain: string; secret: string }): Promise<ComponentLink> {
    const socket = connect(options.port, '127.0.0.1')
    await once(socket, 'connect')
    const link = new ComponentLink(socket)
    const namespaces = `xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'`
    link.send(`<stream:stream ${namespaces} to='${options.domain}'>`)
    const id = await until(() => /<stream:stream[^>]*\bid=['"]([^'"]+)/.exec(link.received)?.[1])
    const token = createHash('sha1')
      .update(id + options.secret)
      .digest('hex')
    link.send(`<handshake>${token}</handshake>`)
    await until(() => link.accepted || link.closed)
    return link
  }

  get received(): string {
    return this.#received
  }

  get accepted(): boolean {
    return /<handshake\s*\/>|<handshake><\/handshake>/.test(this.#received)
  }

  get closed(): boolean {
    return this.#closed
  }

  send(xml: string): void {
    this.#socket.write(xml)
  }

  close(): void {
    this.#socket.destroy()
  }
}
