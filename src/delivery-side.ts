import type { AppId } from './apps/app.js'
import type { Apps } from './apps/apps.js'
import type { Grants } from './apps/grants.js'
import type { Config } from './config.js'
import { Cursors } from './delivery/cursors.js'
import { Feeds } from './delivery/feeds.js'
import { LogTail } from './delivery/log-tail.js'
import { type Refusal, StreamGate } from './delivery/stream-gate.js'
import { Streams, type StreamsParts } from './delivery/streams.js'
import { Tickets } from './delivery/tickets.js'
import type { Clock } from './presence/clock.js'
import { type BareJid, domainOf } from './presence/jid.js'
import type { PresenceBoard } from './presence/presence-board.js'
import type { PresenceWriter } from './presence/presence-writer.js'
import { timeOf } from './presence/user.js'
import type { Storage } from './storage/storage.js'

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
  readonly failed: (error: unknown) => void
  readonly counter: StreamsParts['counter'] & { refused(why: Refusal): void }
}

// Each is a connection; what HttpServer has beyond them is left to those who ask for a status.
const MOST_STREAMS = 10_500

/** How changes come to apps: the log's readers, and what they send. */
export class DeliverySide {
  readonly feeds: Feeds
  readonly streams: Streams
  readonly gate: StreamGate
  readonly tickets: Tickets
  readonly #tail: LogTail

  private constructor(parts: DeliverySideParts, epoch: string) {
    const { config, storage, board, writer, apps, grants, address, clock, random, fraction, failed, counter } = parts
    const { streamBuffer, streamLag, streamsPerApp, connectionsPerAddress } = config.limits
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
      address,
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
      counter,
    })
    const keysOf = (appid: AppId) => apps.keyHashes(appid)
    this.tickets = new Tickets({ secret: storage.secret('tickets', random), keysOf, clock, random })
    this.gate = new StreamGate({
      apps,
      tickets: this.tickets,
      limits: { perAddress: connectionsPerAddress, all: MOST_STREAMS },
      refused: (why) => counter.refused(why),
    })
    apps.onStop(({ appid }) => this.streams.end(appid, 'stopped'))
    writer.onAppend((batch) => this.#tail.appended(batch))
    grants.onChange((change) => this.feeds.changed(change))
  }

  static async start(parts: DeliverySideParts): Promise<DeliverySide> {
    const side = new DeliverySide(parts, await parts.storage.changes.epoch())
    await side.#tail.start()
    return side
  }

  /** To be called once its streams have stopped. */
  async stop(): Promise<void> {
    this.feeds.stop()
    this.#tail.stop()
  }
}
