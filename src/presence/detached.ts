// V8 copies what is shorter by itself when it is cut out.
const SHORTEST_CUT = 13

/**
 * A copy of its own: a string cut out of what was read keeps all of that in memory. V8 joins two pieces by copying them into
 * a new string when a character of the whole is asked for; to write them into a buffer and read that takes three times as long.
 */
export function detached<T extends string>(text: T): T {
  if (text.length < SHORTEST_CUT) return text
  const joined = (text.charAt(0) + text.slice(1)) as T
  // Both are the same; what is not used would not be asked for.
  return joined.charCodeAt(0) === 0 ? text : joined
}
