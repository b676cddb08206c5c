import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Forgotten } from './accounts/forgotten.js'
import { PublicLinks } from './accounts/public-links.js'
import { ComponentSide } from './component-side.js'
import { type Config, controlSocket } from './config.js'
import { DeliverySide } from './delivery-side.js'
import { GatewayControl } from './gateway-control.js'
import { createApplication } from './http/application.js'
import { bindError, HttpServer } from './http/http-server.js'
import { PublicView } from './http/public-view.js'
import { RosterEndpoint } from './http/roster-endpoint.js'
import { RosterTokens } from './http/roster-tokens.js'
import { type RosterRouteParts, rosterRoutes } from './http/routes/rosters.js'
import { StatusEndpoint } from './http/status-endpoint.js'
import { Turns } from './http/turns.js'
import { bootId } from './ops/boot-id.js'
import { ControlServer } from './ops/control-server.js'
import type { Log } from './ops/log.js'
import { Metrics } from './ops/metrics.js'
import { OpsServer } from './ops/ops-server.js'
import type { Clock } from './presence/clock.js'
import { Domains } from './presence/domains.js'
import { every } from './presence/every.js'
import { domainOf } from './presence/jid.js'
import { PresenceBoard } from './presence/presence-board.js'
import type { StoredPresence } from './presence/presence-store.js'
import { PresenceWriter } from './presence/presence-writer.js'
import { Publications } from './presence/publication.js'
import { Subscriptions } from './presence/subscriptions.js'
import { RosterControl } from './roster-control.js'
import { RosterSide } from './roster-side.js'
import { explainStorage, StorageError, storageError } from './storage/database.js'
import { DirectoryLock } from './storage/directory-lock.js'
import { Storage } from './storage/storage.js'
import { WebSide } from './web-side.js'
import { ComponentLock } from './xmpp/component-lock.js'
import type { LinkHandler } from './xmpp/link.js'
import { linkAdvice } from './xmpp/link-advice.js'
import type { XmlElement } from './xmpp/xml-element.js'

const FORGET_EVERY_MS = 3_600_000
const CHECK_STORAGE_MS = 1000
const PRUNE_EVERY_MS = 1000
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
    const { xmpp, limits } = config
    const failed = (error: unknown) =>
      log.error({ error: String((error as Error)?.stack ?? error) }, 'unexpected error')

    const metrics = new Metrics()

    // Storage
    const { directory } = config.storage
    const lock = DirectoryLock.acquire(directory, this.#pid)
    this.#opened.push(() => lock.release())
    const isAccount = xmpp.connection === 'account'
    // Of an account several may be connected.
    if (!isAccount) {
      const componentLock = await ComponentLock.acquire(xmpp.service, xmpp.domain, this.#pid)
      this.#opened.push(() => componentLock.release())
    }
    const observer = {
      failed: (reason: string) => log.error({ reason }, 'storing fails; everything is kept in memory and tried again'),
      recovered: (mended: string | null) => log.info({ ...(mended && { mended }) }, 'storing works again'),
    }
    const storage = new Storage(directory, observer, { boot: bootId(), now: () => clock.now() })
    this.#opened.push(() => storage.close())

    // Presence
    const domains = new Domains([...config.domains.values()].map(({ written }) => written))
    const publishing = new Map([...config.domains].map(([name, { publish }]) => [name, publish]))
    const publications = await Publications.load(publishing, storage.publications)
    const links = await PublicLinks.load(storage.publicLinks, randomBytes)
    const forgotten = await Forgotten.load(storage.forgotten, storage.secret('forgotten', randomBytes))
    const subscribers = await Subscriptions.load(storage.subscriptions)
    const boardLimits = { resources: limits.resources, staleAfterMs: xmpp.staleAfter }
    let knownUntil = await storage.presences.knownUntil()
    const board = new PresenceBoard(clock, boardLimits, knownUntil, (user) => forgotten.has(user))
    const writer = new PresenceWriter(board, storage.presences, clock, {
      ms: limits.changeLog,
      rows: limits.changeLogRows,
    })
    await writer.load((domain) => isAccount || domains.has(domain))
    // Known, though perhaps never seen: who decided who sees her, and who let us see her; never who took that back.
    const seen = await storage.grants.users()
    const chosen = [...publications.chosen().keys(), ...links.users(), ...seen].filter(
      (user) => !subscribers.hasRefused(user),
    )
    const granted = [...subscribers.all()].flatMap(([user, { consent }]) => (consent === 'granted' ? [user] : []))
    // Whom an account knows, its roster says.
    const expected = isAccount ? [] : [...chosen, ...granted]
    for (const user of expected) if (domains.has(domainOf(user))) board.expect(user)
    writer.start()
    this.#opened.push(() => writer.stop())
    this.#every(CHECK_STORAGE_MS, () =>
      storage.check({
        waiting: () => writer.failing || subscribers.unsaved > 0,
        contents: () => ({
          presences: storedOn(board),
          knownUntil,
          choices: publications.chosen(),
          subscriptions: subscribers.all(),
          links: links.all(),
          forgotten: forgotten.hashes(),
        }),
      }),
    )
    // What it could not do, Storage says.
    this.#every(PRUNE_EVERY_MS, () => writer.prune().catch(() => {}))
    this.#forget(board)
    this.#every(FORGET_EVERY_MS, () => this.#forget(board))

    // Rosters
    const rosterSide = new RosterSide({
      config,
      storage,
      board,
      domains,
      clock,
      log,
      fraction: Math.random,
      counter: {
        fetched: (outcome) => metrics.rosterFetches.add(outcome),
        servedStale: (domain) => metrics.staleRosters.add(domain),
      },
    })
    this.#opened.push(() => rosterSide.stop())
    const { rosters, refreshes } = rosterSide

    // XMPP
    let lastLinkError: string | null = null
    const side = {
      config,
      board,
      domains,
      clock,
      log,
      random: { id: () => randomUUID() + randomBytes(4).toString('hex'), fraction: Math.random },
      observer: {
        lost: (reason: string, retryInMs: number, wasUp: boolean) => {
          // The same trouble again and again is one line.
          if (reason !== lastLinkError) {
            log.warn({ reason, retryInMs, service: xmpp.service }, wasUp ? 'link lost' : linkAdvice(reason, xmpp))
          }
          lastLinkError = reason
          metrics.linkLosses.add()
        },
        skipped: (reason: string) => metrics.stanzasDropped.add(reason),
      },
      counter: {
        taken: () => metrics.presencesTaken.add(),
        dropped: (reason: string) => metrics.stanzasDropped.add(reason),
      },
      heard: (message: XmlElement) => web.heard(message),
    }
    this.#opened.push(() => subscribers.saveUnsaved())
    // The client library takes 10 MB, which a component has no use for.
    const { AccountSide } = isAccount ? await import('./account-side.js') : { AccountSide: null }
    const xmppSide = AccountSide
      ? new AccountSide(side)
      : new ComponentSide({ ...side, subscribers, rosterSide, forgotten })
    const { link, subscriptions } = xmppSide
    const router: LinkHandler = xmppSide.router

    // A gateway that restarts again and again must not call the same old presence stale for ever.
    const saveKnownUntil = () => {
      knownUntil = clock.now()
      storage.presences.saveKnownUntil(knownUntil).catch(() => {})
    }
    this.#every(Math.min(KNOWN_UNTIL_MS, xmpp.staleAfter / 4), () => {
      if (link.online) saveKnownUntil()
    })

    // Operations
    metrics.read({
      board,
      linkOnline: () => link.online,
      storageFailing: () => storage.fault !== null,
      unstoredUsers: () => writer.waiting,
      upstreams: rosterSide.upstreams,
      rosterRefreshes: refreshes,
      streams: () => delivery.streams.counts,
      webhooks: () => delivery.webhooks.counts,
    })
    const readiness = () => [
      ...(link.online ? [] : [`xmpp: ${lastLinkError ?? 'connecting'}`]),
      ...(storage.fault === null ? [] : [`storage: ${storage.fault}`]),
    ]

    // HTTP
    const etagKey = storage.secret('etag', randomBytes)
    const counter = { answered: (code: number) => metrics.statusAnswers.add(code) }
    const view = new PublicView(board, domains, publications, links)
    const status = new StatusEndpoint(view, clock, etagKey, counter)
    const tokens = new RosterTokens(config.roster.tokens)
    const served = rosterSide.served((user) => xmppSide.rostered(user), failed)
    const fetched = new RosterEndpoint(served, tokens, [...domains][0] ?? '', clock)
    const first = {
      handle: (request: IncomingMessage, response: ServerResponse) =>
        status.handle(request, response) || fetched.handle(request, response),
    }
    const rosterParts: RosterRouteParts = {
      rosters,
      domains,
      tokens,
      isKeptHere: (domain) => rosterSide.isKeptHere(domain),
      component: rosterSide.component?.jid ?? null,
      refresh: (domain, users) => rosterSide.refresh(domain, users),
    }
    const web = new WebSide({
      config,
      storage,
      board,
      domains,
      contacts: xmppSide.roster,
      publications,
      view,
      link,
      clock,
      log,
      forgotten,
      links,
      sources: xmppSide,
      webhooks: () => delivery.webhooks,
      random: randomBytes,
    })
    this.#opened.push(() => web.stop())
    const delivery: DeliverySide = await DeliverySide.start({
      config,
      storage,
      board,
      writer,
      apps: web.apps,
      grants: web.grants,
      address: (user) => (xmppSide.roster ?? domains).address(user),
      clock,
      random: randomBytes,
      fraction: Math.random,
      clientAddress: web.addressOf,
      tellOff: (app, off) => web.notices.webhookOff(app, off.because),
      failed,
      log,
      metrics,
    })
    this.#opened.push(() => delivery.stop())
    const turns = new Turns()
    const application = createApplication({
      view,
      clock,
      batchLimit: limits.batch,
      turns,
      routes: [(router) => rosterRoutes(router, rosterParts), ...web.routes, ...delivery.routes],
      pages: web.pages,
      failed,
    })
    const http = new HttpServer(config.http, {
      turns,
      clock,
      first,
      rest: application.callback(),
      upgrades: delivery.sockets,
      failed,
    })
    // Also where it cannot start: the others look after their connections from the beginning.
    this.#opened.push(() => http.stop())
    // The server waits for connections to end; those of streams do when their readers are asked to come back.
    this.#opened.push(() => delivery.dismiss())
    const url = await http.start()
    // Stopped while rosters are still served: Prosody fetches them.
    this.#opened.push(() => refreshes.stop())
    rosterSide.refreshAll().catch(failed)
    const opsUrl = await this.#startOps(readiness, metrics)
    const control = new ControlServer(
      controlSocket(config),
      new GatewayControl({
        board,
        domains,
        publications,
        link,
        subscriptions,
        account: xmppSide.roster,
        forgotten,
        sources: new Set(xmpp.sources),
        rosters: new RosterControl(rosterParts),
        flush: async () => {
          if (storage.fault !== null) throw new StorageError(storage.fault)
          await subscribers.saveUnsaved()
          await writer.flush()
        },
        report: async () => ({
          pid: this.#pid,
          url,
          ops: opsUrl,
          link: { online: link.online, lastError: link.online ? null : lastLinkError },
          ...(await xmppSide.report()),
          storage: { error: storage.fault },
          refreshFaults: refreshes.faults,
        }),
      }),
    )
    await control.start()
    this.#opened.push(() => control.stop())

    link.start({
      up: () => {
        lastLinkError = null
        log.info(
          { service: xmpp.service, jid: link.address, ...('secured' in link && { tls: link.secured }) },
          'link up',
        )
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
        saveKnownUntil()
        router.down(reason)
      },
      missed: () => router.missed(),
    })
    this.#opened.push(() => xmppSide.stop())
    log.info({ url, ops: opsUrl, pid: this.#pid }, 'listening')
  }

  async #startOps(readiness: () => string[], metrics: Metrics): Promise<string | null> {
    const { listen } = this.#config.ops
    if (!listen) return null
    const ops = new OpsServer(listen, readiness, metrics.registry)
    this.#opened.push(() => ops.stop())
    return ops.start().catch((error: NodeJS.ErrnoException) => {
      throw new Error(`ops.listen: ${bindError(error, listen.host, listen.port).message}`)
    })
  }

  /** Until it is stopped. */
  #every(ms: number, run: () => void): void {
    const timer = every(this.#clock, ms, run)
    this.#opened.push(() => timer.cancel())
  }

  /** Users of whom nothing was seen for `limits.forgetAfter`. */
  #forget(board: PresenceBoard): void {
    const before = this.#clock.now() - this.#config.limits.forgetAfter
    for (const user of board.offlineSinceBefore(before)) board.forget(user)
  }
}

function* storedOn(board: PresenceBoard): Generator<StoredPresence> {
  for (const domain of board.domains) {
    for (const user of board.usersOf(domain)) {
      const stored = board.stored(user)
      // Who is merely known to exist was never seen.
      if (stored.show !== 'unknown') yield stored
    }
  }
}
