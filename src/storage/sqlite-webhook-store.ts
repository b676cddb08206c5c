import type { Statement, Transaction } from 'better-sqlite3'
import type { AppId } from '../apps/app.js'
import { DELIVERIES_KEPT, type Delivery, type Flight, type WebhookState } from '../delivery/webhook-state.js'
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
    const save = database.prepare<[string, string | null, string]>(
      `INSERT INTO webhook (appid, state, body) SELECT appid, ?, ? FROM app WHERE appid = ?
       ON CONFLICT (appid) DO UPDATE SET state = excluded.state, body = excluded.body`,
    )
    const saveDelivery = database.prepare(
      `REPLACE INTO webhook_delivery (appid, slot, n, id, at, attempt, status, error, ms, updates)
       SELECT appid, @slot, @n, @id, @at, @attempt, @status, @error, @ms, @updates FROM app WHERE appid = @appid`,
    )
    this.#save = database.transaction((changes) => {
      for (const { appid, state, delivery } of changes) {
        save.run(JSON.stringify({ ...state, flight: withoutBody(state.flight) }), state.flight?.body ?? null, appid)
        const n = state.tries
        if (delivery) saveDelivery.run({ ...delivery, appid, n, slot: n % DELIVERIES_KEPT })
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

function withoutBody(flight: Flight | null): Omit<Flight, 'body'> | null {
  if (flight === null) return null
  const { body, ...rest } = flight
  return rest
}

/** What is in flight to that app is dropped, if it names her. */
export function dropFlight(database: Database, appid: AppId, uid: string): void {
  database.prepare('UPDATE webhook SET body = NULL WHERE appid = ? AND instr(body, ?) > 0').run(appid, uid)
}
