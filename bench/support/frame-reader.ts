const TEXT = 0x81
const PING = 0x89
// Empty, masked with zeros.
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** RFC 6455 §5.2, as far as it is needed to count what a server of ours says. */
export class FrameReader {
  readonly #text: (payload: Buffer, bytes: number) => void
  readonly #answer: (pong: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(text: (payload: Buffer, bytes: number) => void, answer: (pong: Buffer) => void) {
    this.#text = text
    this.#answer = answer
  }

  read(data: Buffer): void {
    let buffer = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data
    for (;;) {
      const size = sizeOf(buffer)
      if (size === null || buffer.length < size.head + size.payload) break
      const end = size.head + size.payload
      if (buffer[0] === TEXT) this.#text(buffer.subarray(size.head, end), end)
      else if (buffer[0] === PING) this.#answer(PONG)
      buffer = buffer.subarray(end)
    }
    this.#rest = buffer
  }
}

/** null: not all of the head is there. */
function sizeOf(buffer: Buffer): { readonly head: number; readonly payload: number } | null {
  const [, length] = buffer
  if (length === undefined) return null
  if (length < 126) return { head: 2, payload: length }
  const head = length === 126 ? 4 : 10
  if (buffer.length < head) return null
  return { head, payload: head === 4 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2)) }
}
