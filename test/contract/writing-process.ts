import { openDatabase } from '../../src/storage/database.js'
import { DirectoryLock } from '../../src/storage/directory-lock.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { SqlitePublicationStore } from '../../src/storage/sqlite-publication-store.js'
import { SqliteSubscriptionStore } from '../../src/storage/sqlite-subscription-store.js'
import { jid } from '../unit/users.js'

/**
 * A process to be killed: `node writing-process.js DIRECTORY WHAT` says on a line of its own which write was
 * acknowledged last, and goes on until it is killed.
 */
const [directory = '', what] = process.argv.slice(2)
const acknowledged = (line: string) => process.stdout.write(`${line}\n`)

if (what === 'lock') {
  DirectoryLock.acquire(directory, process.pid)
  acknowledged('held')
  setInterval(() => {}, 1000)
} else {
  const database = openDatabase(directory)
  const presences = new SqlitePresenceStore(database)
  const publications = new SqlitePublicationStore(database)
  const subscriptions = new SqliteSubscriptionStore(database)
  for (let n = 1; ; n++) {
    const user = jid(`u${n}@example.org`)
    if (what === 'presences') {
      // Two users a batch: a half of one must never be found.
      const rest = { show: 'away', text: `${n}`, shownSince: n, idleSince: null, resource: 'r', priority: 0 } as const
      const batch = await presences.append([
        { user, ...rest },
        { user: jid(`twin${n}@example.org`), ...rest },
      ])
      await presences.fold(batch - 100, [batch - 100], () => true)
    } else if (what === 'choices') {
      await publications.saveChoice(user, 'details')
    } else {
      await subscriptions.saveSubscription(user, { consent: 'granted', watchesUs: n % 2 === 0 })
    }
    acknowledged(String(n))
    await new Promise((resolve) => setImmediate(resolve))
  }
}
