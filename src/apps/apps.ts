import type { Forgotten } from '../accounts/forgotten.js'
import type { Clock } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import { OneAtATime } from '../presence/one-at-a-time.js'
import { APP_LIMITS, type App, type AppIcon, type AppId } from './app.js'
import { readDomain, readHosts } from './app-domain.js'
import { AppFault } from './app-fault.js'
import { AppKeys } from './app-keys.js'
import { AppSecrets } from './app-secrets.js'
import type { AppStore } from './app-store.js'
import { MAX_DESCRIPTION, MAX_NAME, readText } from './app-text.js'
import { PROOF_PATH } from './domain-proof.js'
import { Errands } from './errands.js'
import type { Grant } from './grant.js'
import { fetchManifest } from './manifest.js'
import type { Outbound } from './outbound.js'
import { visitDomain } from './visit-domain.js'
import { WebhookSecrets } from './webhook-secrets.js'
import { readWebhook } from './webhook-url.js'

export interface AppsParts {
  readonly store: AppStore
  readonly outbound: Outbound
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
  /** Of this database. */
  readonly secret: Buffer
  readonly forgotten: Pick<Forgotten, 'has'>
}

export type Verdict =
  | { readonly kind: 'proven'; readonly app: App }
  /** `found`: what was there instead, for her. */
  | { readonly kind: 'failed'; readonly found: string }

/** It is told nothing from now on. Of one that is merely not active all grants stay, and hold again when it is. */
export interface AppStop {
  readonly appid: AppId
  /** The grants that are gone with it. */
  readonly gone: readonly Grant[]
}

const NOT_HERS = 'there is no such app, or it is not yours'

/**
 * The applications, and what their members do with them; all members may do the same. Who does it, `by`, is one at the moment
 * of the change, not only when her request came. Throws AppFault.
 */
export class Apps {
  readonly #store: AppStore
  readonly #clock: Clock
  readonly #random: (bytes: number) => Buffer
  readonly #secrets: AppSecrets
  readonly #keys: AppKeys
  readonly #webhookSecrets: WebhookSecrets
  readonly #forgotten: Pick<Forgotten, 'has'>
  readonly #errands: Errands
  readonly #listeners = new Set<(stop: AppStop) => void>()
  readonly #changeListeners = new Set<(appid: AppId) => void>()
  /** One change after the other: each is of what the one before left. */
  readonly #line = new OneAtATime()

  constructor({ store, outbound, clock, random, secret, forgotten }: AppsParts) {
    this.#forgotten = forgotten
    this.#store = store
    this.#errands = new Errands(outbound)
    this.#clock = clock
    this.#random = random
    this.#secrets = new AppSecrets(secret)
    this.#keys = new AppKeys(store, clock, random)
    this.#webhookSecrets = new WebhookSecrets(store, clock, this.#secrets)
  }

  /** What is not said comes from the domain's manifest; without that it is called like its domain. */
  async register(
    user: BareJid,
    said: { readonly domain: string; readonly name?: string; readonly description?: string },
  ): Promise<App> {
    const name = readText('name', said.name ?? '', MAX_NAME)
    const description = readText('description', said.description ?? '', MAX_DESCRIPTION)
    await this.#admitAppOf(user)
    const { domain, manifest } = await this.#errands.run(user, async (outbound) => {
      const read = await readDomain(said.domain, outbound)
      return { domain: read, manifest: name && description ? null : await fetchManifest(outbound, read) }
    })
    const app: App = {
      appid: `app_${this.#random(18).toString('base64url')}` as AppId,
      domain,
      name: name || manifest?.name || domain.slice(0, MAX_NAME),
      description: description || (manifest?.description ?? ''),
      scope: ['status'],
      hosts: [],
      members: [user],
      createdAt: this.#clock.now(),
      verifiedAt: null,
      active: false,
      hasIcon: false,
      webhook: null,
    }
    return this.#line.run(async () => {
      await this.#admitAppOf(user)
      await this.#store.add(app)
      return app
    })
  }

  /** Called after an app was deactivated or removed, until the returned function is called. Must not throw. */
  onStop(listener: (stop: AppStop) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Called after anything about an app was changed, or it is gone, until the returned function is called. Must not throw. */
  onChange(listener: (appid: AppId) => void): () => void {
    this.#changeListeners.add(listener)
    return () => this.#changeListeners.delete(listener)
  }

  /** They went with an account, and are gone from the store already, as their grants are. */
  gone(appids: readonly AppId[]): void {
    for (const appid of appids) {
      this.#tell({ appid, gone: [] })
      this.#tellOfChange(appid)
    }
  }

  of(user: BareJid): Promise<readonly App[]> {
    return this.#store.ofMember(user)
  }

  /** null: there is none, or she is no member of it. */
  async managed(user: BareJid, appid: string): Promise<App | null> {
    const app = await this.find(appid)
    return app?.members.includes(user) ? app : null
  }

  find(appid: string): Promise<App | null> {
    return this.#store.find(appid as AppId)
  }

  /** What its domain must show where. */
  proof(app: App): { readonly url: string; readonly key: string } {
    return { url: `http://${app.domain}${PROOF_PATH}`, key: this.#secrets.proofKey(app.appid) }
  }

  /** A domain once proven stays so: users need not suffer from what fails for an hour. */
  async verify(app: App, by: BareJid): Promise<Verdict> {
    const { key } = this.proof(app)
    const visit = await this.#errands.run(by, (outbound) => visitDomain(outbound, app.domain, key))
    if (visit.found !== null) return { kind: 'failed', found: visit.found }
    const { manifest, webhook, icon } = visit
    const proven = await this.#change(app, by, async (now) => {
      const changed = {
        ...now,
        verifiedAt: this.#clock.now(),
        scope: manifest?.scope ?? now.scope,
        description: now.description || (manifest?.description ?? ''),
        webhook: now.webhook ?? webhook,
      }
      // An icon that cannot be fetched just now stays as it was.
      if (icon || manifest?.icons.length === 0) await this.#store.saveIcon(app.appid, icon)
      await this.#store.save(changed)
    })
    return { kind: 'proven', app: proven }
  }

  /** With a new key, which is nowhere to be seen again. */
  async activate(app: App, by: BareJid): Promise<{ readonly app: App; readonly key: string }> {
    let key = ''
    const active = await this.#change(app, by, async (now) => {
      if (now.verifiedAt === null) throw new AppFault('wrong-state', 'its domain is not proven yet: verify it first')
      if (now.active) throw new AppFault('wrong-state', 'it is active already; rotate gives another key')
      key = await this.#keys.issue(app.appid)
      await this.#store.save({ ...now, active: true })
    })
    return { app: active, key }
  }

  /** It is told nothing until it is activated again. */
  deactivate(app: App, by: BareJid): Promise<App> {
    return this.#change(app, by, async (now) => {
      if (!now.active) throw new AppFault('wrong-state', 'it is not active')
      await this.#store.save({ ...now, active: false })
      this.#tell({ appid: app.appid, gone: [] })
    })
  }

  /** A new key; the one before works for another hour. */
  async rotate(app: App, by: BareJid): Promise<string> {
    let key = ''
    await this.#change(app, by, async (now) => {
      if (!now.active) throw new AppFault('wrong-state', 'it has no key: activate it first')
      key = await this.#keys.rotate(app.appid)
    })
    return key
  }

  /** The app of that key, which may not be active; null: there is none of both. In the same time, whatever is wrong. */
  async withKey(appid: string, key: string): Promise<App | null> {
    return (await this.#keys.admits(appid as AppId, key)) ? this.find(appid) : null
  }

  /** The hashes of the keys that admit it now. */
  keyHashes(appid: AppId): Promise<readonly string[]> {
    return this.#keys.hashes(appid)
  }

  edit(
    app: App,
    by: BareJid,
    said: { readonly name?: string; readonly description?: string; readonly hosts?: readonly string[] },
  ): Promise<App> {
    return this.#change(app, by, async (now) => {
      const name = said.name === undefined ? now.name : readText('name', said.name, MAX_NAME)
      if (name === '') throw new AppFault('bad-field', 'name: must not be empty')
      const description =
        said.description === undefined ? now.description : readText('description', said.description, MAX_DESCRIPTION)
      const hosts = said.hosts === undefined ? now.hosts : readHosts(said.hosts, now.domain)
      await this.#store.save({ ...now, name, description, hosts })
    })
  }

  /** Returns the secret that its calls are signed with, the same each time; null without a webhook. */
  async setWebhook(app: App, by: BareJid, url: string | null): Promise<string | null> {
    const webhook = url === null ? null : await this.#errands.run(by, (outbound) => readWebhook(url, outbound))
    return this.webhookSecret(await this.#change(app, by, (now) => this.#store.save({ ...now, webhook })))
  }

  /** null: it has no webhook. */
  async webhookSecret(app: App): Promise<string | null> {
    return app.webhook === null ? null : this.#webhookSecrets.newest(app.appid)
  }

  /** What its calls are signed with now, the newest first: for a day, the secret before the last rotation signs them, too. */
  webhookSecrets(appid: AppId): Promise<readonly string[]> {
    return this.#webhookSecrets.signing(appid)
  }

  async rotateWebhook(app: App, by: BareJid): Promise<string> {
    let secret = ''
    await this.#change(app, by, async (now) => {
      if (now.webhook === null) throw new AppFault('wrong-state', 'it has no webhook')
      secret = await this.#webhookSecrets.rotate(app.appid)
    })
    return secret
  }

  /** Whoever that is: it says nothing of her whether it can be done. It counts to nobody but who registered it. */
  addMember(app: App, by: BareJid, user: BareJid): Promise<App> {
    return this.#change(app, by, async (now) => {
      if (now.members.includes(user)) return
      if (now.members.length >= APP_LIMITS.members) {
        throw new AppFault('too-many', `an app has at most ${APP_LIMITS.members} members`)
      }
      await this.#store.addMember(app.appid, user)
    })
  }

  /** Never the last one. Whoever takes out who registered it has it counted to her from then on. */
  removeMember(app: App, by: BareJid, user: BareJid): Promise<App> {
    return this.#change(app, by, async (now) => {
      if (!now.members.includes(user)) throw new AppFault('not-found', 'she is no member of it')
      if (now.members.length === 1) throw new AppFault('wrong-state', 'she is its last member: delete the app instead')
      // Else she could leave any number of apps to somebody who never asked for them.
      if (user === by && (await this.#store.isRegistrant(app.appid, user))) {
        throw new AppFault('wrong-state', 'you registered it: another member can take you out, or you delete the app')
      }
      await this.#store.removeMember(app.appid, user, by)
    })
  }

  async remove(app: App, by: BareJid): Promise<void> {
    await this.#line.run(async () => {
      await this.#managed(app.appid, by)
      this.#tell({ appid: app.appid, gone: await this.#store.remove(app.appid) })
      this.#tellOfChange(app.appid)
    })
  }

  async icon(appid: string): Promise<AppIcon | null> {
    return this.#store.icon(appid as AppId)
  }

  async #admitAppOf(user: BareJid): Promise<void> {
    if ((await this.#store.countRegistered(user)) >= APP_LIMITS.appsOfUser) {
      throw new AppFault('too-many', `a user registers at most ${APP_LIMITS.appsOfUser} apps`)
    }
    // After whatever was waited for: who was deleted while her request was under way is kept nowhere.
    if (this.#forgotten.has(user)) throw new AppFault('not-found', 'this account was deleted')
  }

  /** Changes it as it is now, not as it was when somebody read it. */
  #change(app: App, by: BareJid, change: (now: App) => Promise<void>): Promise<App> {
    return this.#line.run(async () => {
      await change(await this.#managed(app.appid, by))
      const changed = await this.#store.find(app.appid)
      if (!changed) throw new AppFault('not-found', NOT_HERS)
      this.#tellOfChange(app.appid)
      return changed
    })
  }

  async #managed(appid: AppId, by: BareJid): Promise<App> {
    const app = await this.managed(by, appid)
    if (!app || this.#forgotten.has(by)) throw new AppFault('not-found', NOT_HERS)
    return app
  }

  #tell(stop: AppStop): void {
    for (const listener of this.#listeners) listener(stop)
  }

  #tellOfChange(appid: AppId): void {
    for (const listener of this.#changeListeners) listener(appid)
  }
}
