import type { Clock } from '../presence/clock.js'
import type { AppId } from './app.js'
import type { AppSecrets } from './app-secrets.js'
import type { AppStore } from './app-store.js'

const GRACE_MS = 86_400_000

type Store = Pick<AppStore, 'webhookGeneration' | 'saveWebhookGeneration'>

/** What calls of webhooks are signed with, of which only the number of rotations is kept. */
export class WebhookSecrets {
  readonly #store: Store
  readonly #clock: Clock
  readonly #secrets: AppSecrets

  constructor(store: Store, clock: Clock, secrets: AppSecrets) {
    this.#store = store
    this.#clock = clock
    this.#secrets = secrets
  }

  /** The same each time, until the next rotation. */
  async newest(appid: AppId): Promise<string> {
    const { generation } = await this.#store.webhookGeneration(appid)
    return this.#secrets.webhookSecret(appid, generation)
  }

  /** Those that sign now, the newest first: for a day, the one before the last rotation does, too. */
  async signing(appid: AppId): Promise<readonly string[]> {
    const { generation, rotatedAt } = await this.#store.webhookGeneration(appid)
    const hasOld = generation > 0 && rotatedAt !== null && this.#clock.now() - rotatedAt < GRACE_MS
    const generations = hasOld ? [generation, generation - 1] : [generation]
    return generations.map((each) => this.#secrets.webhookSecret(appid, each))
  }

  async rotate(appid: AppId): Promise<string> {
    const next = (await this.#store.webhookGeneration(appid)).generation + 1
    await this.#store.saveWebhookGeneration(appid, next, this.#clock.now())
    return this.#secrets.webhookSecret(appid, next)
  }
}
