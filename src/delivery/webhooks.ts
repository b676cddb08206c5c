import type { App, AppId } from '../apps/app.js'
import { AppFault } from '../apps/app-fault.js'
import type { Apps } from '../apps/apps.js'
import type { GrantChange } from '../apps/grants.js'
import { every } from '../presence/every.js'
import { InTurn } from '../presence/in-turn.js'
import { AheadBudget } from './ahead.js'
import { Courier, type CourierParts } from './courier.js'
import type { Feed } from './feed.js'
import type { Feeds } from './feeds.js'
import { Lanes } from './lanes.js'
import { TestCalls, type TestOutcome } from './test-calls.js'
import { WebhookCalls } from './webhook-calls.js'
import type { WebhookPost } from './webhook-post.js'
import type { Delivery, Off, WebhookState } from './webhook-state.js'
import type { WebhookStore } from './webhook-store.js'
import { WebhookWriter } from './webhook-writer.js'

const NOTE_EVERY_MS = 600_000
const TELL_EVERY_MS = 60_000

export interface WebhooksParts extends Omit<CourierParts, 'calls' | 'lanes' | 'writer' | 'budget' | 'off'> {
  readonly store: WebhookStore
  readonly apps: Pick<Apps, 'find' | 'webhookSecrets'>
  readonly feeds: Pick<Feeds, 'open' | 'close'>
  readonly post: WebhookPost & { close(): Promise<void> }
  /** Of the log, now. */
  readonly epoch: string
  /** Tells its members that nothing is sent any more. false: they cannot be reached now. */
  readonly tellOff: (app: App, off: Off) => Promise<boolean>
  /** It has turned itself off, just now. */
  readonly wentOff: (appid: AppId, because: Off['because']) => void
}

/** The webhooks of all apps: each active app that has one has a courier, until that turns itself off. Throws AppFault. */
export class Webhooks {
  readonly #parts: WebhooksParts
  readonly #lanes: Lanes
  readonly #writer: WebhookWriter
  readonly #budget = new AheadBudget()
  readonly #calls: WebhookCalls
  readonly #tests: TestCalls
  readonly #couriers = new Map<AppId, Courier>()
  /** Of the active apps. */
  readonly #off = new Set<AppId>()
  /** Of each app one thing after the other. */
  readonly #turns = new InTurn<AppId>()
  /** Whose members have yet to be told. */
  readonly #untold = new Set<AppId>()
  readonly #timers: { cancel(): void }[]
  #stopped = false

  constructor(parts: WebhooksParts) {
    const { clock, store, post, apps } = parts
    const after = (ms: number, run: () => void) => clock.after(ms, run)
    this.#parts = parts
    this.#lanes = new Lanes(after)
    this.#writer = new WebhookWriter(store, after)
    const secrets = (appid: AppId) => apps.webhookSecrets(appid)
    this.#calls = new WebhookCalls({ post, secrets, clock })
    this.#tests = new TestCalls(this.#calls, parts)
    this.#timers = [
      every(clock, NOTE_EVERY_MS, () => {
        for (const courier of this.#couriers.values()) courier.note()
      }),
      every(clock, TELL_EVERY_MS, () => {
        for (const appid of this.#untold) this.changed(appid)
      }),
    ]
  }

  /** Those of active apps, by how they stand. */
  get counts(): Readonly<Record<'working' | 'failing' | 'off', number>> {
    let failing = 0
    for (const { state } of this.#couriers.values()) if (state.failures > 0) failing++
    return { working: this.#couriers.size - failing, failing, off: this.#off.size }
  }

  async start(): Promise<void> {
    for (const appid of await this.#parts.store.wanted()) this.changed(appid)
  }

  /** Calls that are under way are given up: they are stored, and made again at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
    const couriers = [...this.#couriers.values()]
    const stopping = couriers.map((courier) => courier.stop())
    // What cannot be stored now keeps nobody waiting.
    await this.#writer.stop()
    await this.#parts.post.close()
    await Promise.all([...stopping, ...couriers.map((courier) => courier.callOver()), this.#turns.over()])
  }

  /** To be called after anything about that app has changed, or it is gone. */
  changed(appid: AppId): void {
    this.#calls.forget(appid)
    this.#turns.run(appid, () => this.#follow(appid)).catch(this.#parts.failed)
  }

  /** To be called after a grant was changed, once its feed knows. */
  grantChanged({ before, after }: GrantChange): void {
    const grant = after ?? before
    if (grant) this.#couriers.get(grant.appid)?.grantChanged(grant.uid)
  }

  /** As it stands; null: it never began. */
  async stateOf({ appid }: App): Promise<WebhookState | null> {
    return this.#couriers.get(appid)?.state ?? this.#parts.store.find(appid)
  }

  /** The last tries, the newest first. */
  deliveries({ appid }: App): Promise<readonly Delivery[]> {
    return this.#parts.store.deliveries(appid)
  }

  /** After a member has said where to: one that is off begins again, with the latest of whoever changed meanwhile. */
  turnOn({ appid }: App): Promise<void> {
    return this.#turns.run(appid, async () => {
      this.#couriers.get(appid)?.tryNow()
      const state = await this.#parts.store.find(appid)
      if (state?.off) {
        const progress = { ...state.progress, round: NOT_BEGUN }
        await this.#writer.save(() => ({ appid, state: { ...state, ...ANEW, progress } }))
      }
      await this.#follow(appid)
    })
  }

  /** Tells again all that came after that cursor. */
  async replay({ appid }: App, cursor: string): Promise<void> {
    const courier = this.#couriers.get(appid)
    if (!courier)
      throw new AppFault('wrong-state', 'nothing is sent: it has no webhook, or is not active, or its webhook is off')
    const position = courier.feed.cursors.read(cursor)
    if (position === null) throw new AppFault('bad-field', 'cursor: it is none of this app, or of another time')
    if ((await courier.feed.after(position)) === null) {
      throw new AppFault('wrong-state', 'cursor: what came after it is not kept any more')
    }
    courier.replay(position)
  }

  /** Calls once, now, whatever else is to be told. */
  test(app: App): Promise<TestOutcome> {
    return this.#tests.call(app)
  }

  /** Has a courier for it, or none. */
  async #follow(appid: AppId): Promise<void> {
    const { apps, store } = this.#parts
    const app = await apps.find(appid)
    const courier = this.#couriers.get(appid)
    this.#off.delete(appid)
    if (app?.active && app.webhook !== null && !this.#stopped) {
      if (courier && courier.state.off === null) courier.url = app.webhook
      else {
        await this.#part(courier)
        await this.#begin(app, app.webhook)
      }
      return
    }
    await this.#part(courier)
    if (!app || app.webhook === null) {
      this.#untold.delete(appid)
      await store.remove(appid)
    } else await this.#tellOff(app, await store.find(appid))
  }

  async #begin(app: App, url: string): Promise<void> {
    const { feeds, store } = this.#parts
    const before = await store.find(app.appid)
    if (before?.off) {
      this.#off.add(app.appid)
      return this.#tellOff(app, before)
    }
    const feed = await feeds.open(app.appid)
    // Now, for meanwhile a grant may have been changed.
    const stored = await store.find(app.appid)
    if (this.#stopped) return feeds.close(feed)
    const off: CourierParts['off'] = (appid, because) => {
      this.#parts.wentOff(appid, because)
      this.changed(appid)
    }
    const parts = {
      ...this.#parts,
      calls: this.#calls,
      lanes: this.#lanes,
      writer: this.#writer,
      budget: this.#budget,
      off,
    }
    this.#couriers.set(app.appid, new Courier(feed, url, this.#current(stored, feed), parts))
  }

  async #part(courier: Courier | undefined): Promise<void> {
    if (!courier) return
    this.#couriers.delete(courier.feed.appid)
    await courier.stop()
    this.#parts.feeds.close(courier.feed)
  }

  /** A new one begins with how everybody is, and so does one whose positions are of a log that is gone. */
  #current(stored: WebhookState | null, feed: Feed): WebhookState {
    const { epoch } = this.#parts
    const round = { to: feed.position, through: '' }
    if (stored === null) return { ...FRESH, epoch, progress: { position: 0, round } }
    if (stored.epoch !== epoch) return { ...stored, epoch, flights: [], progress: { position: 0, round } }
    if (stored.progress.round?.to === NOT_BEGUN.to) return { ...stored, progress: { ...stored.progress, round } }
    return stored
  }

  async #tellOff(app: App, state: WebhookState | null): Promise<void> {
    if (!state?.off || state.off.isTold) return void this.#untold.delete(app.appid)
    if (!(await this.#parts.tellOff(app, state.off))) return void this.#untold.add(app.appid)
    this.#untold.delete(app.appid)
    const told = { ...state, off: { ...state.off, isTold: true } }
    await this.#writer.save(() => ({ appid: app.appid, state: told }))
  }
}

/** After it was off: what it has missed is told by the latest. */
const NOT_BEGUN = { to: 0, through: '' }
const FRESH = { flights: [], failingSince: null, failures: 0, nextAt: 0, off: null, tries: 0 }
const ANEW = { flights: [], failingSince: null, failures: 0, nextAt: 0, off: null }
