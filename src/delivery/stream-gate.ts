import { networkOf } from '../accounts/network.js'
import type { App, AppId } from '../apps/app.js'

/** Why a request for a stream is refused. */
export type Refusal = keyof typeof REFUSALS

/** As HTTP says it; a WebSocket that is open already is closed with the ending. */
export const REFUSALS = {
  origin: { status: 403, errno: 121, error: 'a page needs a ticket: a key never belongs in one', ending: 'bad-key' },
  'too-many': { status: 429, errno: 140, error: 'too many streams are open from this address', ending: 'failed' },
  full: { status: 429, errno: 140, error: 'too many streams are open here', ending: 'failed' },
  'bad-key': {
    status: 401,
    errno: 111,
    error: 'there is no such app, or this is not its key, sent as Authorization: Bearer',
    ending: 'bad-key',
  },
  'bad-ticket': { status: 401, errno: 112, error: 'this ticket is not valid, or not any more', ending: 'bad-key' },
  stopped: { status: 403, errno: 122, error: 'this app is not active', ending: 'stopped' },
} as const satisfies Record<
  string,
  { status: number; errno: number; error: string; ending: 'bad-key' | 'stopped' | 'failed' }
>

/** Who was refused for too many may ask again after so long. */
export const FULL_RETRY_S = 30

export interface StreamGateParts {
  readonly apps: { withKey(appid: string, key: string): Promise<App | null>; find(appid: string): Promise<App | null> }
  readonly tickets: { read(appid: AppId, ticket: string): Promise<ReadonlySet<string> | null> }
  readonly limits: {
    /** Streams of one address, of whatever kind and app; of IPv6 a /64 counts as one. */
    readonly perAddress: number
    /** Of all: so many connections are left to those who ask for a status. */
    readonly all: number
  }
  readonly refused: (why: Refusal) => void
}

/** Who may open a stream: first whether the connection may, then whether what it shows is an app's. */
export class StreamGate {
  readonly #parts: StreamGateParts
  /** Bounded by `limits.all`. */
  readonly #ofNetwork = new Map<string, number>()
  #all = 0

  constructor(parts: StreamGateParts) {
    this.#parts = parts
  }

  /** `leave` is to be called when the connection is gone; more often does no harm. */
  enter(asked: {
    readonly address: string
    readonly origin: string | undefined
    readonly hasTicket: boolean
  }): { readonly leave: () => void } | { readonly refused: Refusal } {
    // Browsers send an Origin, and nobody else does.
    if (asked.origin !== undefined && !asked.hasTicket) return this.#refuse('origin')
    const network = networkOf(asked.address)
    const count = this.#ofNetwork.get(network) ?? 0
    if (count >= this.#parts.limits.perAddress) return this.#refuse('too-many')
    if (this.#all >= this.#parts.limits.all) return this.#refuse('full')
    this.#ofNetwork.set(network, count + 1)
    this.#all++
    let isIn = true
    const leave = () => {
      if (isIn) this.#leave(network)
      isIn = false
    }
    return { leave }
  }

  /** `uids`: whom alone it may be told of; null: everybody who lets the app see her. */
  async admit(
    appid: AppId,
    shown: { readonly key: string } | { readonly ticket: string },
  ): Promise<{ readonly uids: ReadonlySet<string> | null } | { readonly refused: Refusal }> {
    const { apps, tickets } = this.#parts
    if ('key' in shown) {
      const app = await apps.withKey(appid, shown.key)
      if (!app) return this.#refuse('bad-key')
      return app.active ? { uids: null } : this.#refuse('stopped')
    }
    const uids = await tickets.read(appid, shown.ticket)
    if (!uids) return this.#refuse('bad-ticket')
    const app = await apps.find(appid)
    return app?.active ? { uids } : this.#refuse('stopped')
  }

  #refuse(refused: Refusal): { readonly refused: Refusal } {
    this.#parts.refused(refused)
    return { refused }
  }

  #leave(network: string): void {
    this.#all--
    const left = (this.#ofNetwork.get(network) ?? 1) - 1
    if (left > 0) this.#ofNetwork.set(network, left)
    else this.#ofNetwork.delete(network)
  }
}
