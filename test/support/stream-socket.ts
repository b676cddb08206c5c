import { type ClientOptions, WebSocket } from 'ws'
import { until } from './until.js'

// biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
export type Said = any

export interface StreamSocketOptions extends ClientOptions {
  readonly key?: string
  readonly query?: string
  /** Hears what is said; else it is kept. */
  readonly said?: (said: Said) => void
}

/** An app at its WebSocket. */
export class StreamSocket {
  readonly ws: WebSocket
  /** What was said, one for each frame. */
  readonly frames: Said[] = []
  code: number | null = null
  reason = ''
  #wasOpen = false
  /** Of an upgrade that was refused. */
  status: number | null = null
  refusal = ''

  constructor(port: number, appid: string, { key, query = '', said, ...options }: StreamSocketOptions = {}) {
    const headers = { ...(key !== undefined && { Authorization: `Bearer ${key}` }), ...options.headers }
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/${appid}${query}`, { ...options, headers })
    const take = said ?? ((each: Said) => this.frames.push(each))
    this.ws.on('message', (data) => take(JSON.parse(String(data))))
    this.ws.on('open', () => {
      this.#wasOpen = true
    })
    this.ws.on('close', (code, reason) => {
      this.code = code
      this.reason = String(reason)
    })
    this.ws.on('error', () => {})
    this.ws.on('unexpected-response', (_, response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        this.refusal += text
      })
      response.on('end', () => {
        this.status = response.statusCode ?? 0
      })
    })
  }

  async opened(): Promise<this> {
    await until(() => this.#wasOpen, 10_000, 'the upgrade')
    return this
  }

  async ready(): Promise<this> {
    await until(() => this.frames.some(({ ready }) => ready) || this.#failed(), 20_000, 'a stream to be ready')
    return this
  }

  async closed(timeoutMs = 15_000): Promise<number> {
    await until(() => this.code !== null, timeoutMs, 'the close of a stream')
    return this.code ?? 0
  }

  /** Why no WebSocket came of it. */
  async refused(): Promise<{ status: number; errno: number }> {
    await until(() => this.status !== null, 10_000, 'the refusal')
    return { status: this.status ?? 0, errno: JSON.parse(this.refusal).errno }
  }

  /** The elements of all arrays, in order. */
  get updates(): Said[] {
    return this.frames.filter(Array.isArray).flat()
  }

  #failed(): false {
    if (this.code !== null) throw new Error(`closed with ${this.code} ${this.reason} ${this.status} ${this.refusal}`)
    return false
  }
}
