import type { Statement, Transaction } from 'better-sqlite3'
import type { AppId } from '../apps/app.js'
import { DELIVERIES_KEPT, type Delivery, type WebhookState } from '../delivery/webhook-state.js'
import type { WebhookChange, WebhookStore } from '../delivery/webhook-store.js'
import type { Database } from './database.js'

interface Row {
  /** A WebhookState as JSON, but for the body of what is in flight. */
  readonly state: string
  readonly body: string | null
}

export class SqliteWebhookStore implements WebhookStore {
  readonly #find: Statement<[string], Row>
  readonly #wanted: Statement<[], AppId>
  readonly #deliveries: Statement<[string], Delivery>
  readonly #save: Transaction<(changes: readonly WebhookChange[]) => void>
  readonly #remove: Transaction<(appid: AppId) => void>

  constructor(database: Database) {
    this.#find = database.prepare('SELECT state, body FROM webhook WHERE appid = ?')
    this.#wanted = database
      .prepare<[], AppId>(
        `SELECT appid FROM app LEFT JOIN webhook USING (appid)
         WHERE webhook.state ->> '$.off.isTold' = 0 OR (app.active AND app.webhook IS NOT NULL)`,
      )
      .pluck()
    this.#deliveries = database.prepare(
      'SELECT id, at, attempt, status, error, ms, updates FROM webhook_delivery WHERE appid = ? ORDER BY n DESC',
    )
    const update = database.prepare<[string, string | null, string]>(
      'UPDATE webhook SET state = ?, body = ? WHERE appid = ?',
    )
    const insert = database.prepare<[string, string | null, string]>(
      'INSERT INTO webhook (appid, state, body) SELECT appid, ?, ? FROM app WHERE appid = ?',
    )
    const insertDelivery = database.prepare<unknown[]>(
      `INSERT INTO webhook_delivery (appid, slot, n, id, at, attempt, status, error, ms, updates)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (appid, slot) DO UPDATE SET n = excluded.n, id = excluded.id, at = excluded.at,
         attempt = excluded.attempt, status = excluded.status, error = excluded.error, ms = excluded.ms,
         updates = excluded.updates`,
    )
    this.#save = database.transaction((changes) => {
      for (const { appid, state, delivery } of changes) {
        const { body = null, ...flight } = state.flight ?? {}
        const written = JSON.stringify({ ...state, flight: state.flight && flight })
        const isThere = update.run(written, body, appid).changes > 0 || insert.run(written, body, appid).changes > 0
        if (!delivery || !isThere) continue
        const { id, at, attempt, status, error, ms, updates } = delivery
        const n = state.tries
        insertDelivery.run(appid, n % DELIVERIES_KEPT, n, id, at, attempt, status, error, ms, updates)
      }
    })
    const removeState = database.prepare('DELETE FROM webhook WHERE appid = ?')
    const removeDeliveries = database.prepare('DELETE FROM webhook_delivery WHERE appid = ?')
    this.#remove = database.transaction((appid) => {
      removeState.run(appid)
      removeDeliveries.run(appid)
    })
  }

  async find(appid: AppId): Promise<WebhookState | null> {
    const row = this.#find.get(appid)
    if (!row) return null
    const state: WebhookState = JSON.parse(row.state)
    const { body } = row
    return { ...state, flight: state.flight && body !== null ? { ...state.flight, body } : null }
  }

  async wanted(): Promise<readonly AppId[]> {
    return this.#wanted.all()
  }

  async save(changes: readonly WebhookChange[]): Promise<void> {
    this.#save(changes)
  }

  async remove(appid: AppId): Promise<void> {
    this.#remove(appid)
  }

  async deliveries(appid: AppId): Promise<readonly Delivery[]> {
    return this.#deliveries.all(appid)
  }
}

/** What is in flight to that app is dropped, if it names her. */
export function dropFlight(database: Database, appid: AppId, uid: string): void {
  database.prepare('UPDATE webhook SET body = NULL WHERE appid = ? AND instr(body, ?) > 0').run(appid, uid)
}
