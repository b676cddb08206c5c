import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { PersonalTokens } from '../../src/accounts/personal-tokens.js'
import { Sessions } from '../../src/accounts/sessions.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { jid } from '../unit/users.js'
import type { GatewayProcess } from './gateway-process.js'

/** A session and a personal token of that user as signing in would have made them, for tests that are about something else. */
export async function signedIn(gateway: GatewayProcess, user: string): Promise<{ session: string; token: string }> {
  const database = openDatabase(join(gateway.directory, 'data'))
  try {
    const sessions = new Sessions(new SqliteSessionStore(database), systemClock, randomBytes)
    const tokens = new PersonalTokens(new SqlitePersonalTokenStore(database), systemClock, randomBytes, {
      has: () => false,
    })
    const session = await sessions.begin(jid(user), { browser: 'Firefox on Linux', address: '127.0.0.1' })
    const made = await tokens.create(jid(user), 'script')
    return { session, token: made?.token ?? '' }
  } finally {
    database.close()
  }
}
