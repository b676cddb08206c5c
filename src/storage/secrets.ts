import type { Database } from './database.js'

/** A secret of this database, made at first use and kept: 32 random bytes. */
export function secret(database: Database, name: string, random: (bytes: number) => Buffer): Buffer {
  database.prepare('INSERT OR IGNORE INTO secret (name, value) VALUES (?, ?)').run(name, random(32))
  const row = database.prepare<[string], { value: Buffer }>('SELECT value FROM secret WHERE name = ?').get(name)
  if (!row) throw new Error(`no secret ${name}`)
  return row.value
}
