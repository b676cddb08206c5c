import type Router from '@koa/router'
import type { AppId } from '../apps/app.js'
import type { Apps } from '../apps/apps.js'
import type { Grants } from '../apps/grants.js'
import type { Config } from '../config.js'
import { Cursors } from '../delivery/cursors.js'
import { Feeds } from '../delivery/feeds.js'
import { LogTail } from '../delivery/log-tail.js'
import { type Refusal, StreamGate } from '../delivery/stream-gate.js'
import { Streams } from '../delivery/streams.js'
import { Tickets } from '../delivery/tickets.js'
import { Webhooks, type WebhooksParts } from '../delivery/webhooks.js'
import { OutboundPosts } from '../http/outbound-posts.js'
import { presenceStreamRoute } from '../http/routes/presence-stream.js'
import { ticketRoutes } from '../http/routes/tickets.js'
import type { Log } from '../ops/log.js'
import type { Metrics, Tally } from '../ops/metrics.js'
import type { Clock } from '../presence/clock.js'
import { type BareJid, domainOf } from '../presence/jid.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { PresenceWriter } from '../presence/presence-writer.js'
import { timeOf, type User } from '../presence/user.js'
import { SocketServer, type SocketServerParts } from '../sockets/socket-server.js'
import type { Storage } from '../storage/storage.js'

export interface DeliverySideParts {
  readonly config: Config
  readonly storage: Storage
  readonly board: PresenceBoard
  readonly writer: PresenceWriter
  readonly apps: Apps
  readonly grants: Grants
  /** As it is written. */
  readonly address: (user: BareJid) => string
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
  /** 0 to 1 */
  readonly fraction: () => number
  readonly clientAddress: SocketServerParts['clientAddress']
  readonly tellOff: WebhooksParts['tellOff']
  readonly failed: (error: unknown) => void
  readonly log: Pick<Log, 'warn'>
  readonly metrics: Pick<Metrics, 'streamsRefused' | 'streamsEnded' | 'updatesSent' | 'webhookCalls'>
}

// Each is a connection; what HttpServer has beyond them is left to those who ask for a status.
const MOST_STREAMS = 10_500
const SAY_FULL_EVERY_MS = 3_600_000
const OFF = { gone: 'it answered 410', failing: 'each of its calls has failed for 120 h' } as const

/** How changes come to apps: the log's readers, and what they send over streams, WebSockets and webhooks. */
export class DeliverySide {
  readonly feeds: Feeds
  readonly streams: Streams
  readonly gate: StreamGate
  readonly tickets: Tickets
  readonly webhooks: Webhooks
  readonly sockets: SocketServer
  /** For koa. */
  readonly routes: readonly ((router: Router) => void)[]
  readonly #parts: DeliverySideParts
  readonly #tail: LogTail
  #fullSaidUntil = Number.NEGATIVE_INFINITY

  /** `head`: the newest batch when the board was loaded. */
  private constructor(parts: DeliverySideParts, epoch: string, head: number) {
    const { config, storage, board, writer, apps, grants, clock, random, fraction, failed, log, metrics } = parts
    const { streamBuffer, streamLag, streamsPerApp, connectionsPerAddress } = config.limits
    this.#parts = parts
    const after = (ms: number, run: () => void) => clock.after(ms, run)
    this.#tail = new LogTail({ log: storage.changes, after, failed })
    this.feeds = new Feeds({
      tail: this.#tail,
      grants: storage.grants,
      cursors: new Cursors(storage.secret('cursors', random), epoch),
      logged: (user) => {
        const { show, text, since } = writer.logged(user)
        return { show, text, since: timeOf(since) }
      },
      address: parts.address,
      freshness: (user) => board.get(user, domainOf(user))?.freshness ?? null,
      doubts: () => board.doubts,
      after,
    })
    this.streams = new Streams({
      feeds: this.feeds,
      clock,
      limits: { bufferBytes: streamBuffer, lagMs: streamLag, perApp: streamsPerApp },
      isActive: async (appid) => (await apps.find(appid))?.active === true,
      fraction,
      failed,
      counter: {
        ended: (_, parting) => metrics.streamsEnded.add(parting),
        sent: (transport, updates) => metrics.updatesSent.add(transport, updates),
      },
    })
    const keysOf = (appid: AppId) => apps.keyHashes(appid)
    this.tickets = new Tickets({ secret: storage.secret('tickets', random), keysOf, clock, random })
    this.gate = new StreamGate({
      apps,
      tickets: this.tickets,
      limits: { perAddress: connectionsPerAddress, all: MOST_STREAMS },
      refused: (why) => this.#refused(why),
    })
    this.sockets = new SocketServer({
      gate: this.gate,
      streams: this.streams,
      clientAddress: parts.clientAddress,
      clock,
      mostInFrame: config.limits.frame,
      failed,
    })
    this.routes = [
      (router) => ticketRoutes(router, this),
      (router) =>
        presenceStreamRoute(router, { gate: this.gate, streams: this.streams, address: parts.clientAddress, clock }),
    ]
    apps.onStop(({ appid }) => this.streams.end(appid, 'stopped'))
    this.webhooks = new Webhooks({
      store: storage.webhooks,
      apps,
      feeds: this.feeds,
      log: storage.changes,
      epoch,
      post: counted(new OutboundPosts(config.outbound.allowPrivate, clock), metrics.webhookCalls),
      timeoutMs: config.limits.webhookTimeout,
      lastChange: (user) => lastChange(board.user(user), head),
      clock,
      random,
      fraction,
      tellOff: parts.tellOff,
      wentOff: (appid, because) => log.warn({ appid }, `a webhook is off: ${OFF[because]}`),
      failed,
    })
    writer.onAppend((batch) => this.#tail.appended(batch))
    grants.onChange((change) => {
      this.feeds.changed(change)
      this.webhooks.grantChanged(change)
    })
    apps.onChange((appid) => this.webhooks.changed(appid))
  }

  static async start(parts: DeliverySideParts): Promise<DeliverySide> {
    const { changes } = parts.storage
    const side = new DeliverySide(parts, await changes.epoch(), await changes.head())
    await side.#tail.start()
    await side.webhooks.start()
    return side
  }

  /** Asks all readers to come back, and cuts off who is left. */
  async dismiss(): Promise<void> {
    await this.streams.stop()
    this.sockets.stop()
  }

  /** To be called once its readers are dismissed. */
  async stop(): Promise<void> {
    await this.webhooks.stop()
    this.feeds.stop()
    this.#tail.stop()
  }

  #refused(why: Refusal): void {
    const { clock, log, metrics } = this.#parts
    metrics.streamsRefused.add(why)
    if (why !== 'full' || clock.steady() < this.#fullSaidUntil) return
    this.#fullSaidUntil = clock.steady() + SAY_FULL_EVERY_MS
    log.warn({ open: this.streams.counts }, 'no more streams are let in: as many as there is room for are open')
  }
}

/** `calls`: by what was answered, `2xx` and so on; `none`: nothing was. */
function counted(posts: OutboundPosts, calls: Tally): WebhooksParts['post'] {
  return {
    async post(...asked) {
      const outcome = await posts.post(...asked)
      calls.add('error' in outcome ? 'none' : `${Math.trunc(outcome.status / 100)}xx`)
      return outcome
    },
    close: () => posts.close(),
  }
}

/** Of whom the board has no batch, none was appended since the start. */
function lastChange(user: User | undefined, head: number): number | null {
  return user ? user.batch || head : null
}
