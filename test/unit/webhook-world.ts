import { randomBytes } from 'node:crypto'
import type { AppId, Scope } from '../../src/apps/app.js'
import { AppSecrets } from '../../src/apps/app-secrets.js'
import { Apps } from '../../src/apps/apps.js'
import type { Grant } from '../../src/apps/grant.js'
import { Cursors } from '../../src/delivery/cursors.js'
import { Feeds } from '../../src/delivery/feeds.js'
import { LogTail } from '../../src/delivery/log-tail.js'
import { Webhooks, type WebhooksParts } from '../../src/delivery/webhooks.js'
import { OutboundPosts } from '../../src/http/outbound-posts.js'
import { type BareJid, domainOf } from '../../src/presence/jid.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { timeOf } from '../../src/presence/user.js'
import { Storage } from '../../src/storage/storage.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { anApp } from './an-app.js'
import type { FakeClock } from './fake-clock.js'
import { jid } from './users.js'

export const APP = 'app_aaaaaaaaaaaaaaaaaaaaaaaa' as AppId
export const ALICE = jid('alice@h')

export interface WorldOptions {
  readonly boot?: string
  readonly timeoutMs?: number
  readonly post?: WebhooksParts['post']
  /** What webhooks are stored with. */
  readonly store?: (storage: Storage) => WebhooksParts['store']
}

/** Board, log, grants and webhooks as the gateway joins them; time passes when a test says so. */
export class WebhookWorld {
  readonly notices: string[] = []
  readonly wentOff: Parameters<WebhooksParts['wentOff']>[] = []
  reachable = true

  readonly storage: Storage
  readonly board: PresenceBoard
  readonly writer: PresenceWriter
  readonly tail: LogTail
  readonly feeds: Feeds
  readonly apps: Apps
  readonly webhooks: Webhooks

  private constructor(
    parts: Pick<WebhookWorld, 'storage' | 'board' | 'writer' | 'tail' | 'feeds' | 'apps' | 'webhooks'>,
  ) {
    this.storage = parts.storage
    this.board = parts.board
    this.writer = parts.writer
    this.tail = parts.tail
    this.feeds = parts.feeds
    this.apps = parts.apps
    this.webhooks = parts.webhooks
  }

  static async open(directory: string, clock: FakeClock, options: WorldOptions = {}) {
    const { boot = 'boot', timeoutMs = 15_000, post = new OutboundPosts(['127.0.0.0/8'], clock) } = options
    const { store = ({ webhooks }) => webhooks } = options
    const now = () => clock.now()
    const storage = new Storage(directory, { failed: () => {}, recovered: () => {} }, { now, boot })
    const board = new PresenceBoard(clock, { resources: 32, staleAfterMs: 3_600_000 })
    const writer = new PresenceWriter(board, storage.presences, clock, AN_HOUR_OF_CHANGES)
    await writer.load(() => true)
    for (const user of await storage.grants.users()) board.expect(user)
    writer.start()
    board.linkUp()
    const after = (ms: number, run: () => void) => clock.after(ms, run)
    const failed = (error: unknown) => {
      throw error
    }
    const tail = new LogTail({ log: storage.changes, after, failed })
    await tail.start()
    const epoch = await storage.changes.epoch()
    const head = await storage.changes.head()
    const feeds = new Feeds({
      tail,
      grants: storage.grants,
      cursors: new Cursors(Buffer.alloc(32), epoch),
      logged: (user) => {
        const { show, text, since } = writer.logged(user)
        return { show, text, since: timeOf(since) }
      },
      address: (user) => user,
      freshness: (user) => board.get(user, domainOf(user))?.freshness ?? null,
      doubts: () => board.doubts,
      after,
    })
    const apps = new Apps({
      store: storage.apps,
      outbound: OUTBOUND,
      clock,
      random: randomBytes,
      secret: Buffer.alloc(32),
      forgotten: { has: () => false },
    })
    let world: WebhookWorld | null = null
    const webhooks = new Webhooks({
      store: store(storage),
      apps,
      feeds,
      log: storage.changes,
      epoch,
      post,
      timeoutMs,
      lastChange: (user) => board.user(user)?.batch || head,
      clock,
      random: randomBytes,
      fraction: () => 0,
      tellOff: async (app, off) => {
        if (!world?.reachable) return false
        world.notices.push(`${app.members} ${off.because}`)
        return true
      },
      wentOff: (appid, because) => void world?.wentOff.push([appid, because]),
      failed,
    })
    writer.onAppend((batch) => tail.appended(batch))
    apps.onChange((appid) => webhooks.changed(appid))
    await webhooks.start()
    world = new WebhookWorld({ storage, board, writer, tail, feeds, apps, webhooks })
    return world
  }

  async close(): Promise<void> {
    await this.webhooks.stop()
    this.feeds.stop()
    this.tail.stop()
    await this.writer.stop()
    await this.storage.close()
  }

  /** An active app with that webhook. */
  async app(webhook: string | null, appid = APP): Promise<void> {
    await this.storage.apps.add(anApp({ appid, verifiedAt: 1, active: true, webhook }))
    this.webhooks.changed(appid)
  }

  secret(generation = 0, appid = APP): string {
    return new AppSecrets(Buffer.alloc(32)).webhookSecret(appid, generation)
  }

  /** Gives, or changes, a grant. */
  async grant(user: BareJid, to: Partial<Grant> = {}): Promise<Grant> {
    const appid = to.appid ?? APP
    const before = await this.storage.grants.find(user, appid)
    const uid = `UID${user.split('@')[0]?.padEnd(22, '-')}`
    const scope: readonly Scope[] = ['status']
    const saved = { user, appid, uid, scope, paused: false, grantedAt: 1, ...before, ...to }
    const after = await this.storage.grants.save(saved)
    this.feeds.changed({ before, after })
    this.webhooks.grantChanged({ before, after })
    return after
  }

  async revoke(user: BareJid, appid = APP): Promise<void> {
    const before = await this.storage.grants.find(user, appid)
    await this.storage.grants.remove(user, appid)
    this.feeds.changed({ before, after: null })
    this.webhooks.grantChanged({ before, after: null })
  }
}

const OUTBOUND = {
  get: () => Promise.reject(new Error('nothing is fetched')),
  check: async () => {},
  isAllowedPrivate: async () => true,
  within: () => OUTBOUND,
}
