// With the longest texts so many users are less than 1 MiB, which is what many clients take at once.
const USERS_A_CHUNK = 200

/** So many at a time as are written at once. */
export function* inChunks<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length > 0 && items.length <= USERS_A_CHUNK) return yield items
  for (let i = 0; i < items.length; i += USERS_A_CHUNK) yield items.slice(i, i + USERS_A_CHUNK)
}
