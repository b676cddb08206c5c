import { type Bytes, utf8 } from '../presence/bytes.js'
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
  snapshot(updates: readonly Update[]): Bytes
  told(told: readonly Told[]): Bytes
  signal(signal: Signal): Bytes
}

/** RFC 6455 §5.2: unmasked text frames, each a JSON text. */
export const frames: Wire = {
  transport: 'websocket',
  snapshot: (updates) => frame(`[${updates.map((update) => asObject(update)).join()}]`),
  told(told) {
    const [first] = told
    if (first && told.length === 1) return frame(`[${asObject(first.update, first.cursor)}]`)
    return frame(`[${told.map(({ update, cursor }) => asObject(update, cursor)).join()}]`)
  },
  signal: (signal) => frame(utf8(JSON.stringify(signal))),
}

/** NDJSON. */
export const lines: Wire = {
  transport: 'ndjson',
  snapshot: (updates) => utf8(`${pairs(updates)}}\n`),
  told: (told) => utf8(`${line(told, lastOf(told))}\n`),
  signal: (signal) => utf8(`${JSON.stringify(signal)}\n`),
}

/** HTML Living Standard, §9.2 Server-sent events: each line an event. */
export const events: Wire = {
  transport: 'sse',
  snapshot: (updates) => utf8(`data: ${pairs(updates)}}\n\n`),
  told(told) {
    const cursor = lastOf(told)
    return utf8(`id: ${cursor}\ndata: ${line(told, cursor)}\n\n`)
  },
  signal(signal) {
    const id = 'cursor' in signal ? `id: ${signal.cursor}\n` : ''
    const retry = 'reconnect' in signal ? `retry: ${signal.reconnect}\n` : ''
    return utf8(`${id}${retry}data: ${JSON.stringify(signal)}\n\n`)
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
// FIN, opcode 1.
const TEXT = '\x81'
const SHORT_HEADS = Array.from({ length: SHORT }, (_, length) => TEXT + String.fromCharCode(length))

function frame(payload: Bytes): Bytes {
  const { length } = payload
  return joined((SHORT_HEADS[length] ?? longHead(length)) + payload)
}

function longHead(length: number): Bytes {
  const size = Buffer.alloc(length < LONG ? 2 : 8)
  if (length < LONG) size.writeUInt16BE(length)
  else size.writeBigUInt64BE(BigInt(length))
  return `${TEXT}${length < LONG ? '\x7e' : '\x7f'}${size.toString('latin1')}`
}

/**
 * V8 puts the pieces of a string together when a character is asked for; until then it would keep all that they were cut out of,
 * which may be the cursors of many apps, for as long as the frame waits.
 */
function joined(frame: Bytes): Bytes {
  return frame.charCodeAt(0) === 0 ? '' : frame
}
