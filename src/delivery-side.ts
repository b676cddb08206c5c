import type { Apps } from './apps/apps.js'
import type { Grants } from './apps/grants.js'
import type { Config } from './config.js'
import { Cursors } from './delivery/cursors.js'
import { Feeds } from './delivery/feeds.js'
import { LogTail } from './delivery/log-tail.js'
import { Streams } from './delivery/streams.js'
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
}

/** How changes come to apps: the log's readers, and what they send. */
export class DeliverySide {
  readonly feeds: Feeds
  readonly streams: Streams
  readonly #tail: LogTail

  private constructor(parts: DeliverySideParts, epoch: string) {
    const { config, storage, board, writer, apps, grants, address, clock, random, fraction, failed } = parts
    const { streamBuffer, streamLag, streamsPerApp } = config.limits
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
      fraction,
      failed,
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

  async stop(): Promise<void> {
    await this.streams.stop()
    this.feeds.stop()
    this.#tail.stop()
  }
}
