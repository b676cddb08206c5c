import { syntheticPresence } from './synthetic-presence.js'

const CHUNK_CHARACTERS = 64 * 1024

/** Presences `first` to `first + count`, in pieces of 64 KiB. */
export function* presenceChunks(first: number, count: number, users: number, device?: string): Generator<string> {
  let chunk = ''
  for (let n = first; n < first + count; n++) {
    chunk += syntheticPresence(n, users, device)
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  if (chunk) yield chunk
}
