import { Agent, request } from 'node:http'

/** Asks as nobody's URL parser would: the path goes out byte for byte. */
export class RawPathClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })
  readonly #url: URL

  constructor(url: string) {
    this.#url = new URL(url)
  }

  /** `path`: each character one byte. */
  get(path: string): Promise<{ status: number; body: string }> {
    return this.#send('GET', path)
  }

  post(path: string, body: Buffer): Promise<{ status: number; body: string }> {
    return this.#send('POST', path, body)
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(method: string, path: string, body?: Buffer): Promise<{ status: number; body: string }> {
    const { hostname, port } = this.#url
    return new Promise((resolve, reject) => {
      const sent = request({ hostname, port, path, method, agent: this.#agent }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text })).on('error', reject)
      })
      sent.on('error', reject).end(body)
    })
  }
}
