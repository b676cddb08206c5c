import type Router from '@koa/router'
import type { Config } from './config.js'
import type { Log } from './ops/log.js'
import type { Clock } from './presence/clock.js'
import type { Domains } from './presence/domains.js'
import type { PresenceBoard } from './presence/presence-board.js'
import type { Publications } from './presence/publication.js'
import type { Storage } from './storage/storage.js'
import type { Link } from './xmpp/link.js'

export interface WebSideParts {
  readonly config: Config
  readonly storage: Storage
  readonly board: PresenceBoard
  readonly domains: Domains
  readonly publications: Publications
  readonly link: Link
  readonly clock: Clock
  readonly log: Log
  readonly random: (bytes: number) => Buffer
}

/** What users and developers do on the web: signing in, applications, grants, their accounts; as pages and as `/api`. */
export class WebSide {
  readonly #parts: WebSideParts

  constructor(parts: WebSideParts) {
    this.#parts = parts
  }

  /** For koa. */
  get routes(): readonly ((router: Router) => void)[] {
    void this.#parts
    return []
  }

  async stop(): Promise<void> {}
}
