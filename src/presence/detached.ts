// Takes most texts: a buffer for each would cost more than the copy.
const scratch = Buffer.allocUnsafeSlow(4096)
const MAX_BYTES_A_UNIT = 3

/** A copy of its own: a string cut out of what was read keeps all of that in memory. */
export function detached<T extends string>(text: T): T {
  if (text.length * MAX_BYTES_A_UNIT > scratch.length) return Buffer.from(text).toString() as T
  return scratch.toString('utf8', 0, scratch.write(text)) as T
}
