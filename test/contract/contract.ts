import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BareJid } from '../../src/presence/jid.js'
import type { PresenceStore, StoredPresence } from '../../src/presence/presence-store.js'
import { type Database, openDatabase } from '../../src/storage/database.js'

const WRITER = fileURLToPath(new URL('./writing-process.js', import.meta.url))

/** A process that writes or holds, as a suite sees it. */
export class WritingProcess {
  readonly pid: number
  readonly #child
  #output = ''

  constructor(
    directory: string,
    what:
      | 'presences'
      | 'changes'
      | 'choices'
      | 'subscriptions'
      | 'rosters'
      | 'roster-copies'
      | 'pushes'
      | 'sessions'
      | 'tokens'
      | 'apps'
      | 'grants'
      | 'links'
      | 'deletions'
      | 'webhooks'
      | 'everything'
      | 'lock',
    from = 1,
  ) {
    this.#child = spawn(process.execPath, [WRITER, directory, what, String(from)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.pid = this.#child.pid ?? 0
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#output += text
    })
  }

  /** Until it has said that many lines. */
  async said(lines: number): Promise<void> {
    while (this.lines.length < lines) {
      assert.equal(this.#child.exitCode, null, 'the writing process ended')
      await once(this.#child.stdout, 'data')
    }
  }

  /** Kills it with -9; returns the last line that it said. */
  async kill(): Promise<string> {
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
    return this.lines.at(-1) ?? ''
  }

  get lines(): string[] {
    // What has no end of line was not said.
    return this.#output.split('\n').slice(0, -1)
  }
}

/** What an implementation of a port is held to: where it lives, and how its disk fills and empties again. */
export interface Home<Store> {
  open(directory: string): { store: Store; close(): void; fill(): void; empty(): void }
}

/** A store in SQLite, in `directory`. */
export function sqliteHome<Store>(create: (database: Database) => Store): Home<Store> {
  return {
    open(directory) {
      const database = openDatabase(directory)
      return {
        store: create(database),
        close: () => void database.close(),
        // SQLITE_FULL, just as from a full disk. No page is to spare: small writes fail, too.
        fill: () => {
          database.exec('CREATE TABLE IF NOT EXISTS ballast (x)')
          database.pragma(`max_page_count = ${database.pragma('page_count', { simple: true })}`)
          const insert = database.prepare('INSERT INTO ballast VALUES (zeroblob(?))')
          for (const bytes of [2000, 100, 1]) {
            try {
              for (;;) insert.run(bytes)
            } catch {}
          }
        },
        empty: () => {
          database.pragma('max_page_count = 1000000')
          database.exec('DROP TABLE ballast')
        },
      }
    },
  }
}

/** What a store holds of each user: the last of what it gives. */
export async function newestIn(store: PresenceStore): Promise<Map<BareJid, StoredPresence>> {
  const newest = new Map<BareJid, StoredPresence>()
  for (const { presence } of await store.changes()) {
    if (presence.show === 'unknown') newest.delete(presence.user)
    else newest.set(presence.user, presence)
  }
  return newest
}

/** Opens the database beside whoever uses it. */
export function sqliteOn<T>(directory: string, run: (database: Database) => T): T {
  const database = openDatabase(directory)
  try {
    return run(database)
  } finally {
    database.close()
  }
}

/** Every row of every table. */
export function tablesOf(directory: string): Record<string, unknown[]> {
  return sqliteOn(directory, (database) => {
    const tables = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
    return Object.fromEntries(
      tables
        .filter(({ name }) => !name.startsWith('sqlite_'))
        .map(({ name }) => [name, database.prepare(`SELECT * FROM ${name} ORDER BY 1`).all()]),
    )
  })
}

/** Overwrites a file with nonsense, all of it but its first page, as a failing disk may. */
export function damage(file: string): void {
  const bytes = statSync(file).size
  const descriptor = openSync(file, 'r+')
  try {
    writeSync(descriptor, Buffer.alloc(bytes - PAGE, 0xa5), 0, bytes - PAGE, PAGE)
  } finally {
    closeSync(descriptor)
  }
}

const PAGE = 4096

/** Long enough that it needs a page of its own, more than a full disk has. */
export const LARGE_TEXT = 'x'.repeat(20_000)
