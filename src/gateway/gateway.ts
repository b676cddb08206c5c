import { randomBytes, randomUUID } from 'node:crypto'
import { type Config, controlSocket } from '../config.js'
import { bindError } from '../http/http-server.js'
import { bootId } from '../ops/boot-id.js'
import { ControlServer } from '../ops/control-server.js'
import type { Log } from '../ops/log.js'
import { Metrics } from '../ops/metrics.js'
import { OpsServer } from '../ops/ops-server.js'
import type { Clock } from '../presence/clock.js'
import { every } from '../presence/every.js'
import { explainStorage, storageError } from '../storage/database.js'
import { DirectoryLock } from '../storage/directory-lock.js'
import { Storage } from '../storage/storage.js'
import { ComponentLock } from '../xmpp/component-lock.js'
import type { XmlElement } from '../xmpp/xml-element.js'
import { ComponentSide } from './component-side.js'
import { DeliverySide } from './delivery-side.js'
import { GatewayControl } from './gateway-control.js'
import { LinkLog } from './link-log.js'
import { PresenceSide } from './presence-side.js'
import { createPublicServer } from './public-server.js'
import { RosterSide } from './roster-side.js'
import { WebSide } from './web-side.js'
import type { XmppSide } from './xmpp-side.js'

const KNOWN_UNTIL_MS = 60_000

/** The whole service, built from its parts and started in order. */
export class Gateway {
  readonly #config: Config
  readonly #log: Log
  readonly #clock: Clock
  readonly #pid: number
  /** What to undo at `stop`, newest last. */
  readonly #opened: (() => Promise<void> | void)[] = []
  #stopping: Promise<boolean> | null = null

  constructor(config: Config, log: Log, clock: Clock, pid: number) {
    this.#config = config
    this.#log = log
    this.#clock = clock
    this.#pid = pid
  }

  /** Rejects with an Error for the admin (port taken, directory in use, …); what was opened is closed again then. */
  async start(): Promise<void> {
    try {
      await this.#start()
    } catch (error) {
      await this.stop()
      throw storageError(error, this.#config.storage.directory)
    }
  }

  /** Stops everything, in reverse. false: not all of it went well, and the log says what. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#close()
    return this.#stopping
  }

  async #close(): Promise<boolean> {
    let well = true
    for (let close = this.#opened.pop(); close; close = this.#opened.pop()) {
      try {
        await close()
      } catch (error) {
        well = false
        this.#log.error({ error: explainStorage(error) }, 'stopping failed in part')
      }
    }
    return well
  }

  async #start(): Promise<void> {
    const config = this.#config
    const log = this.#log
    const clock = this.#clock
    const random = randomBytes
    const fraction = Math.random
    const failed = (error: unknown) =>
      log.error({ error: String((error as Error)?.stack ?? error) }, 'unexpected error')
    const metrics = new Metrics()

    // What is known
    const storage = await this.#openStorage()
    const presence = await PresenceSide.start({ config, storage, clock, random })
    this.#opened.push(() => presence.stop())
    const { board, domains } = presence
    const rosters = new RosterSide({ config, storage, board, domains, clock, log, fraction, metrics })
    this.#opened.push(() => rosters.stop())

    // XMPP
    const linkLog = new LinkLog(config.xmpp, log, metrics)
    const parts = {
      config,
      board,
      domains,
      clock,
      log,
      random: { id: () => randomUUID() + randomBytes(4).toString('hex'), fraction },
      observer: linkLog,
      counter: {
        taken: () => metrics.presencesTaken.add(),
        dropped: (reason: string) => metrics.stanzasDropped.add(reason),
      },
      heard: (message: XmlElement) => web.heard(message),
    }
    const xmpp: XmppSide = await (config.xmpp.connection === 'account'
      ? // The client library takes 10 MB, which a component has no use for.
        import('./account-side.js').then(({ AccountSide }) => new AccountSide(parts))
      : new ComponentSide({
          ...parts,
          subscribers: presence.subscribers,
          rosterSide: rosters,
          forgotten: presence.forgotten,
        }))
    const { link, router } = xmpp
    const knowing = every(clock, Math.min(KNOWN_UNTIL_MS, config.xmpp.staleAfter / 4), () => {
      if (link.online) presence.saveKnownUntil()
    })
    this.#opened.push(() => knowing.cancel())

    // The web
    const webhooks = () => delivery.webhooks
    const web = new WebSide({ config, storage, presence, xmpp, clock, log, webhooks, random })
    this.#opened.push(() => web.stop())
    const delivery: DeliverySide = await DeliverySide.start({
      config,
      storage,
      board,
      writer: presence.writer,
      apps: web.apps,
      grants: web.grants,
      address: (user) => (xmpp.roster ?? domains).address(user),
      clientAddress: web.addressOf,
      clock,
      random,
      fraction,
      tellOff: (app, off) => web.notices.webhookOff(app, off.because),
      failed,
      log,
      metrics,
    })
    this.#opened.push(() => delivery.stop())
    metrics.read({
      board,
      linkOnline: () => link.online,
      storageFailing: () => storage.fault !== null,
      unstoredUsers: () => presence.writer.waiting,
      upstreams: rosters.upstreams,
      rosterRefreshes: rosters.refreshes,
      streams: () => delivery.streams.counts,
      webhooks: () => delivery.webhooks.counts,
    })
    const server = createPublicServer({
      config,
      etagKey: storage.secret('etag', random),
      fetchedRosters: rosters.endpoint((user) => xmpp.rostered(user), failed),
      rosters,
      web,
      delivery,
      clock,
      metrics,
      failed,
    })
    // Also where it cannot start: the others look after their connections from the beginning.
    this.#opened.push(() => server.stop())
    // The server waits for connections to end; those of streams do when their readers are asked to come back.
    this.#opened.push(() => delivery.dismiss())
    const url = await server.start()
    // Stopped while rosters are still served: Prosody fetches them.
    this.#opened.push(() => rosters.refreshes.stop())
    rosters.refreshAll().catch(failed)

    // Operations
    const ops = await this.#startOps(metrics, () => [
      ...(link.online ? [] : [`xmpp: ${linkLog.trouble ?? 'connecting'}`]),
      ...(storage.fault === null ? [] : [`storage: ${storage.fault}`]),
    ])
    const served = { url, ops, pid: this.#pid }
    const commands = new GatewayControl({ config, storage, presence, xmpp, rosters, linkLog, served })
    const control = new ControlServer(controlSocket(config), commands)
    await control.start()
    this.#opened.push(() => control.stop())

    link.start({
      up: () => {
        linkLog.up(link)
        router.up()
      },
      stanza: (stanza) => {
        try {
          router.stanza(stanza)
        } catch (error) {
          // One stanza that we cannot cope with must not cost the link, nor the process.
          failed(error)
        }
      },
      down: (reason) => {
        presence.saveKnownUntil()
        router.down(reason)
      },
      missed: () => router.missed(),
    })
    this.#opened.push(() => xmpp.stop())
    log.info(served, 'listening')
  }

  /** Ours alone, as is the component; of an account several may be connected. */
  async #openStorage(): Promise<Storage> {
    const { storage, xmpp } = this.#config
    const lock = DirectoryLock.acquire(storage.directory, this.#pid)
    this.#opened.push(() => lock.release())
    if (xmpp.connection === 'component') {
      const componentLock = await ComponentLock.acquire(xmpp.service, xmpp.domain, this.#pid)
      this.#opened.push(() => componentLock.release())
    }
    const log = this.#log
    const observer = {
      failed: (reason: string) => log.error({ reason }, 'storing fails; everything is kept in memory and tried again'),
      recovered: (mended: string | null) => log.info({ ...(mended && { mended }) }, 'storing works again'),
    }
    const opened = new Storage(storage.directory, observer, { boot: bootId(), now: () => this.#clock.now() })
    this.#opened.push(() => opened.close())
    return opened
  }

  async #startOps(metrics: Metrics, faults: () => string[]): Promise<string | null> {
    const { listen } = this.#config.ops
    if (!listen) return null
    const ops = new OpsServer(listen, faults, metrics.registry)
    this.#opened.push(() => ops.stop())
    return ops.start().catch((error: NodeJS.ErrnoException) => {
      throw new Error(`ops.listen: ${bindError(error, listen.host, listen.port).message}`)
    })
  }
}
