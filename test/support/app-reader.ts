import { WebSocket } from 'ws'
import { until } from './until.js'

export const TRANSPORTS = ['lines', 'events', 'socket'] as const
export type ReaderKind = (typeof TRANSPORTS)[number]

/** What an app is told of one user, however it is told. */
export interface Heard {
  readonly uid: string
  readonly status: string
  readonly text: string | null
  /** null: it came in the middle of a line, or in a snapshot. */
  readonly cursor: string | null
}

export interface ReaderOptions {
  /** Of the gateway. */
  readonly url: string
  readonly appid: string
  readonly key: string
  readonly since?: string
}

type Pair = readonly [uid: string, status: string, details?: { text?: string | null }]
type Said = {
  readonly presence?: readonly Pair[]
  readonly cursor?: string
  readonly ready?: true
  readonly reset?: true
}

/** An app's server that listens by one of the transports, and remembers what it heard. */
export class AppReader {
  readonly snapshot: Heard[] = []
  /** What came after the snapshot. */
  readonly heard: Heard[] = []
  /** Everything else, as it came. */
  readonly signals: Said[] = []
  #isAfterSnapshot: boolean
  #close: () => void = () => {}

  private constructor(since: string | undefined) {
    this.#isAfterSnapshot = since !== undefined
  }

  /** Once it is ready. */
  static async open(kind: ReaderKind, options: ReaderOptions): Promise<AppReader> {
    const reader = new AppReader(options.since)
    if (kind === 'socket') await reader.#openSocket(options)
    else await reader.#openHttp(kind, options)
    await until(() => reader.signals.some(({ ready }) => ready), 5000, `${kind} to be ready`)
    return reader
  }

  close(): void {
    this.#close()
  }

  async #openSocket({ url, appid, key, since }: ReaderOptions): Promise<void> {
    const query = since === undefined ? '' : `?since=${since}`
    const socket = new WebSocket(`${url.replace('http', 'ws')}/${appid}${query}`, {
      headers: { Authorization: `Bearer ${key}` },
    })
    socket.on('error', () => {})
    socket.on('message', (data) => {
      const said = JSON.parse(String(data))
      if (!Array.isArray(said)) return this.#signal(said)
      for (const { uid, status, text = null, cursor = null } of said) this.#hear({ uid, status, text, cursor })
    })
    this.#close = () => socket.terminate()
  }

  async #openHttp(kind: 'lines' | 'events', { url, appid, key, since }: ReaderOptions): Promise<void> {
    const aborted = new AbortController()
    this.#close = () => aborted.abort()
    const headers: Record<string, string> = { Authorization: `Bearer ${key}` }
    if (kind === 'events') headers.Accept = 'text/event-stream'
    if (kind === 'events' && since !== undefined) headers['Last-Event-ID'] = since
    const query = kind === 'lines' && since !== undefined ? `?since=${since}` : ''
    const { body } = await fetch(`${url}/${appid}/presence.json${query}`, { headers, signal: aborted.signal })
    this.#read(body?.pipeThrough(new TextDecoderStream()) ?? new ReadableStream()).catch(() => {})
  }

  async #read(body: ReadableStream<string>): Promise<void> {
    let rest = ''
    for await (const text of body) {
      const lines = `${rest}${text}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [json] = /\{.*/.exec(line) ?? []
        if (json) this.#line(JSON.parse(json))
      }
    }
  }

  #line(said: Said): void {
    if (!said.presence) return this.#signal(said)
    for (const [place, [uid, status, { text = null } = {}]] of said.presence.entries()) {
      const isLast = place === said.presence.length - 1
      this.#hear({ uid, status, text, cursor: isLast ? (said.cursor ?? null) : null })
    }
  }

  #signal(said: Said): void {
    this.signals.push(said)
    if (said.ready) this.#isAfterSnapshot = true
    if (said.reset) this.#isAfterSnapshot = false
  }

  #hear(heard: Heard): void {
    if (this.#isAfterSnapshot) this.heard.push(heard)
    else this.snapshot.push(heard)
  }
}
