import { hash } from 'node:crypto'
import { createConnection, createServer, type Server } from 'node:net'
import { isLoopback } from './is-loopback.js'

/**
 * Held by the one gateway of this machine that is a given component: ejabberd accepts a second link and splits the
 * stanzas between the two. An abstract socket (unix(7)), which the kernel lets go of however the process ends; where
 * there are none (not Linux) nothing is held.
 */
export class ComponentLock {
  readonly #server: Server | null

  private constructor(server: Server | null) {
    this.#server = server
  }

  /** Rejects with an Error that names the process that holds it. */
  static async acquire(service: string, domain: string, pid: number): Promise<ComponentLock> {
    const name = `\0presence-gateway-${hash('sha256', `${domain} ${placeOf(service)}`)}`
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(String(pid))
    })
    try {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(name, resolve))
      server.unref()
      return new ComponentLock(server)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return new ComponentLock(null)
      throw new Error(`process ${await holder(name)} is the component ${domain} of ${service} already`)
    }
  }

  release(): void {
    this.#server?.close()
  }
}

/** The same for every spelling of this machine, and with or without the default port. */
function placeOf(service: string): string {
  const { hostname, port } = new URL(service)
  return `${isLoopback(service) ? 'localhost' : hostname.toLowerCase()}:${port || '5347'}`
}

function holder(name: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(name)
    socket.setTimeout(1000, () => socket.destroy())
    socket.setEncoding('utf8')
    socket.once('data', (pid) => resolve(/^\d+$/.test(String(pid)) ? String(pid) : 'unknown'))
    socket.once('error', () => resolve('unknown'))
    socket.once('close', () => resolve('unknown'))
  })
}
