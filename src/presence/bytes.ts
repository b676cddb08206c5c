/** Bytes, each of them a character (latin1): node writes a short string for less than it takes to make a buffer of it. */
export type Bytes = string

/** As UTF-8. */
export function utf8(text: string): Bytes {
  // Plain ASCII is its own bytes.
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1')
}
