import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

/** Listens, on one port, at this machine's addresses that nobody may be led to, and counts who comes all the same. */
export class Trap {
  readonly port: number
  /** Those it listens at. */
  readonly addresses: readonly string[]
  caught = 0
  readonly #servers: readonly Server[]
  readonly #open = new Set<Socket>()

  private constructor(port: number, addresses: readonly string[], servers: readonly Server[]) {
    this.port = port
    this.addresses = addresses
    this.#servers = servers
    for (const server of servers) {
      server.on('connection', (socket) => {
        this.caught++
        this.#open.add(socket)
        socket.on('error', () => {}).on('close', () => this.#open.delete(socket))
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret')
      })
    }
  }

  static async set(): Promise<Trap> {
    const elsewhere = Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80'))
    const wanted = ['127.0.0.1', '127.1.2.3', '::1', ...elsewhere.map(({ address }) => address)]
    const servers: Server[] = []
    const addresses: string[] = []
    let port = 0
    for (const address of wanted) {
      const server = createServer().listen(port, address)
      try {
        await once(server, 'listening')
      } catch (error) {
        // Not every machine has IPv6.
        if (address === '127.0.0.1') throw error
        continue
      }
      port = (server.address() as AddressInfo).port
      servers.push(server)
      addresses.push(address)
    }
    return new Trap(port, addresses, servers)
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await Promise.all(this.#servers.map((server) => once(server.close(), 'close')))
  }
}
