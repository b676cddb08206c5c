import type { AppId } from '../apps/app.js'
import type { Delivery, WebhookState } from './webhook-state.js'

export interface WebhookChange {
  readonly appid: AppId
  readonly state: WebhookState
  /** The tries that led there, the last of `state.tries`. */
  readonly deliveries?: readonly Delivery[]
}

/**
 * How the webhooks stand. What is in flight and names somebody goes with any change of her grant, as `GrantStore` and `AccountStore` make
 * it, and so does what was to follow it; all else is as it was. What was given to `save` survives the end of this process, however sudden; after a
 * power cut the newest seconds may be missing, never a part of one call.
 */
export interface WebhookStore {
  /** null: nothing was ever saved. */
  find(appid: AppId): Promise<WebhookState | null>
  /** The apps that are active and have a webhook, and those that are to be told that theirs is off. */
  wanted(): Promise<readonly AppId[]>
  /** All of it or nothing; of an app that is gone, nothing is kept. */
  save(changes: readonly WebhookChange[]): Promise<void>
  /** With its deliveries. */
  remove(appid: AppId): Promise<void>
  /** The last DELIVERIES_KEPT, the newest first. */
  deliveries(appid: AppId): Promise<readonly Delivery[]>
}
