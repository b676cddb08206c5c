import { createHash } from 'node:crypto'

/** What stands in the database for a token: its SHA-256, base64url. The tokens are random, so nobody can guess them from it. */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
