import type { Config } from '../config.js'
import type { Log } from '../ops/log.js'
import type { Metrics } from '../ops/metrics.js'
import type { LinkObserver } from '../xmpp/guarded-link.js'
import { linkAdvice } from '../xmpp/link-advice.js'

/** Says in the log what becomes of the link, with advice, and the same trouble once only. */
export class LinkLog implements LinkObserver {
  readonly #xmpp: Config['xmpp']
  readonly #log: Log
  readonly #metrics: Pick<Metrics, 'linkLosses' | 'stanzasDropped'>
  #trouble: string | null = null

  constructor(xmpp: Config['xmpp'], log: Log, metrics: Pick<Metrics, 'linkLosses' | 'stanzasDropped'>) {
    this.#xmpp = xmpp
    this.#log = log
    this.#metrics = metrics
  }

  /** Why it is not up, as it was last said; null: nothing was. */
  get trouble(): string | null {
    return this.#trouble
  }

  up(link: { readonly address: string; readonly secured?: boolean }): void {
    this.#trouble = null
    const tls = link.secured === undefined ? {} : { tls: link.secured }
    this.#log.info({ service: this.#xmpp.service, jid: link.address, ...tls }, 'link up')
  }

  lost(reason: string, retryInMs: number, wasUp: boolean): void {
    if (reason !== this.#trouble) {
      const { service } = this.#xmpp
      this.#log.warn({ reason, retryInMs, service }, wasUp ? 'link lost' : linkAdvice(reason, this.#xmpp))
    }
    this.#trouble = reason
    this.#metrics.linkLosses.add()
  }

  skipped(reason: string): void {
    this.#metrics.stanzasDropped.add(reason)
  }
}
