import assert from 'node:assert/strict'

/** What the frames of a server in these bytes say (RFC 6455 §5.2): whole ones, each a JSON text. */
// biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
export function framesIn(bytes: Buffer): any[] {
  const said: unknown[] = []
  for (let at = 0; at < bytes.length; ) {
    assert.equal(bytes[at], 0x81)
    const short = bytes[at + 1] ?? 0
    const [length, head] =
      short < 126
        ? [short, 2]
        : short === 126
          ? [bytes.readUInt16BE(at + 2), 4]
          : [Number(bytes.readBigUInt64BE(at + 2)), 10]
    at += head + length
    assert(at <= bytes.length)
    said.push(JSON.parse(bytes.toString('utf8', at - length, at)))
  }
  return said
}
