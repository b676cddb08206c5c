import { open as openDescriptor } from 'node:fs/promises'
import type { BareJid } from '../presence/jid.js'
import type { StoredPresence } from '../presence/presence-store.js'
import type { Publication } from '../presence/publication.js'
import type { Subscription } from '../presence/subscriptions.js'
import { openFile } from './database.js'
import { removeDatabase } from './database-files.js'
import { SqlitePresenceStore } from './sqlite-presence-store.js'
import { SqliteSubscriptionStore } from './sqlite-subscription-store.js'

/** Everything that a database holds. */
export interface Contents {
  /** Each user once */
  readonly presences: Iterable<StoredPresence>
  /** Its numbers grow from `last`; readers find nothing of what came before, but for what became of grants. */
  readonly log: { readonly epoch: string; readonly open: string; readonly last: number }
  readonly knownUntil: number | null
  readonly choices: Iterable<readonly [BareJid, Publication]>
  readonly subscriptions: Iterable<readonly [BareJid, Subscription]>
  readonly links: Iterable<readonly [user: BareJid, hash: string]>
  /** Hashes */
  readonly forgotten: Iterable<string>
  readonly secrets: Iterable<readonly [string, Buffer]>
  /** Whole rows of the other tables, by the name of the table. */
  readonly rest: Iterable<readonly [string, Iterable<readonly unknown[]>]>
}

const SLICE = 2000

/** Writes a database to the new file `file`, on the disk once resolved; a slice at a time, so that queries are answered. */
export async function writeDatabase(file: string, contents: Contents): Promise<void> {
  removeDatabase(file)
  const database = openFile(file)
  try {
    database.pragma('synchronous = OFF')
    const presences = new SqlitePresenceStore(database)
    const { epoch, open: opened, last } = contents.log
    for await (const slice of slices(contents.presences)) {
      const batch = await presences.append(
        slice.map((presence) => ({ ...presence, was: presence.show })),
        0,
      )
      await presences.fold(batch, [batch], () => true)
      // Nobody reads it.
      database.exec('DELETE FROM change_batch')
    }
    database.exec("DELETE FROM change_log; DELETE FROM sqlite_sequence WHERE name = 'change_batch'")
    database.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('change_batch', ?)").run(last)
    if (contents.knownUntil !== null) await presences.saveKnownUntil(contents.knownUntil)
    const subscriptions = new SqliteSubscriptionStore(database)
    for await (const slice of slices(contents.subscriptions)) {
      await Promise.all(slice.map(([user, subscription]) => subscriptions.saveSubscription(user, subscription)))
    }
    for (const [table, all] of [
      ['publication', contents.choices] as const,
      ['secret', contents.secrets] as const,
      ['change_log', Object.entries({ epoch, open: opened, folded: last, pruned: last })] as const,
      ['public_link', contents.links] as const,
      ['forgotten', rows(contents.forgotten)] as const,
      ...contents.rest,
    ]) {
      const columns = database.prepare(`SELECT * FROM ${table}`).columns()
      const insert = database.prepare<unknown[]>(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join()})`)
      const insertAll = database.transaction((slice: readonly (readonly unknown[])[]) => {
        for (const row of slice) insert.run(...row)
      })
      for await (const slice of slices<readonly unknown[]>(all)) insertAll(slice)
    }
    database.close()
    // Not at once, as elsewhere: it may take as long as the disk is slow.
    const written = await openDescriptor(file)
    await written.sync().finally(() => written.close())
  } catch (error) {
    database.close()
    removeDatabase(file)
    throw error
  }
}

function* rows<T>(values: Iterable<T>): Generator<readonly [T]> {
  for (const value of values) yield [value]
}

async function* slices<T>(items: Iterable<T>): AsyncGenerator<T[]> {
  let slice: T[] = []
  for (const item of items) {
    if (slice.push(item) < SLICE) continue
    yield slice
    slice = []
    await new Promise((resolve) => setImmediate(resolve))
  }
  yield slice
}
