import { asObject, asPair, type Told, type Update } from './update.js'

/** What is said on a stream beside the updates. */
export type Signal =
  | { readonly ready: true; readonly cursor: string }
  | { readonly reset: true }
  | { readonly freshness: 'live' | 'stale' }
  | { readonly reconnect: number }
  /** Why it ends, where nothing else of the connection can say it. */
  | { readonly result: 'KO'; readonly errno: number; readonly error: string }

export type Transport = 'websocket' | 'ndjson' | 'sse'

/** How a transport writes it. What it gives is sent as it is. */
export interface Wire {
  readonly transport: Transport
  snapshot(updates: readonly Update[]): Buffer
  told(told: readonly Told[]): Buffer
  signal(signal: Signal): Buffer
}

/** RFC 6455 §5.2: unmasked text frames, each a JSON text. */
export const frames: Wire = {
  transport: 'websocket',
  snapshot: (updates) => frame(`[${updates.map((update) => asObject(update)).join()}]`),
  told: (told) => frame(`[${told.map(({ update, cursor }) => asObject(update, cursor)).join()}]`),
  signal: (signal) => frame(JSON.stringify(signal)),
}

/** NDJSON. */
export const lines: Wire = {
  transport: 'ndjson',
  snapshot: (updates) => Buffer.from(`${pairs(updates)}}\n`),
  told: (told) => Buffer.from(`${line(told, lastOf(told))}\n`),
  signal: (signal) => Buffer.from(`${JSON.stringify(signal)}\n`),
}

/** HTML Living Standard, §9.2 Server-sent events: each line an event. */
export const events: Wire = {
  transport: 'sse',
  snapshot: (updates) => Buffer.from(`data: ${pairs(updates)}}\n\n`),
  told(told) {
    const cursor = lastOf(told)
    return Buffer.from(`id: ${cursor}\ndata: ${line(told, cursor)}\n\n`)
  },
  signal(signal) {
    const id = 'cursor' in signal ? `id: ${signal.cursor}\n` : ''
    const retry = 'reconnect' in signal ? `retry: ${signal.reconnect}\n` : ''
    return Buffer.from(`${id}${retry}data: ${JSON.stringify(signal)}\n\n`)
  },
}

function line(told: readonly Told[], cursor: string): string {
  return `${pairs(told.map(({ update }) => update))},"cursor":"${cursor}"}`
}

function pairs(updates: readonly Update[]): string {
  return `{"presence":[${updates.map(asPair).join()}]`
}

function lastOf(told: readonly Told[]): string {
  return told.at(-1)?.cursor ?? ''
}

const SHORT = 126
const LONG = 65_536

function frame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const head = length < SHORT ? 2 : length < LONG ? 4 : 10
  const buffer = Buffer.allocUnsafe(head + length)
  // FIN, opcode 1.
  buffer[0] = 0x81
  if (head === 2) buffer[1] = length
  else if (head === 4) {
    buffer[1] = 126
    buffer.writeUInt16BE(length, 2)
  } else {
    buffer[1] = 127
    buffer.writeBigUInt64BE(BigInt(length), 2)
  }
  buffer.write(text, head, 'utf8')
  return buffer
}
