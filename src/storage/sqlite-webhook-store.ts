import type { Statement, Transaction } from 'better-sqlite3'
import type { AppId } from '../apps/app.js'
import {
  DELIVERIES_KEPT,
  type Delivery,
  type Flight,
  flightsBefore,
  type WebhookState,
} from '../delivery/webhook-state.js'
import type { WebhookChange, WebhookStore } from '../delivery/webhook-store.js'
import type { Database } from './database.js'

interface Row {
  /** A WebhookState as JSON, but for the bodies of what is in flight. */
  readonly state: string
  /** Those, a line each; of the others in `state` nothing is in flight any more. null: there are none. */
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
      for (const { appid, state, deliveries = [] } of changes) {
        const body = asLines(state.flights)
        const written = JSON.stringify({ ...state, flights: state.flights.map(({ body: _, ...flight }) => flight) })
        const isThere = update.run(written, body, appid).changes > 0 || insert.run(written, body, appid).changes > 0
        if (!isThere) continue
        let n = state.tries - deliveries.length
        for (const { id, at, attempt, status, error, ms, updates } of deliveries) {
          n++
          insertDelivery.run(appid, n % DELIVERIES_KEPT, n, id, at, attempt, status, error, ms, updates)
        }
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
    const bodies = row.body?.split('\n') ?? []
    return {
      ...state,
      flights: state.flights.slice(0, bodies.length).map((flight, n) => ({ ...flight, body: bodies[n] ?? '' })),
    }
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

/** What is in flight to that app and names her is dropped, and what follows it. */
export function dropFlights(database: Database, appid: AppId, uid: string): void {
  const body = database
    .prepare<[string, string], string>('SELECT body FROM webhook WHERE appid = ? AND instr(body, ?) > 0')
    .pluck()
    .get(appid, uid)
  if (body === undefined) return
  const kept = flightsBefore(
    uid,
    body.split('\n').map((line) => ({ body: line })),
  )
  database.prepare('UPDATE webhook SET body = ? WHERE appid = ?').run(asLines(kept), appid)
}

function asLines(flights: readonly Pick<Flight, 'body'>[]): string | null {
  return flights.length > 0 ? flights.map(({ body }) => body).join('\n') : null
}
