import type { Position } from './position.js'

/** How far an app has been told, by its webhook. */
export interface Progress {
  /** Of all up to here. */
  readonly position: Position
  /**
   * Not what came after it, one by one, but the latest of whoever changed; null: one by one. In the order of the uids, the last that
   * was told is `through`; afterwards it was told of all up to `to`. `again`: it is of whoever changed while the one before went on.
   */
  readonly round: Round | null
}

export interface Round {
  readonly to: Position
  readonly through: string
  readonly again?: true
}

/** What is being sent, or will be: again and again, in the same bytes. */
export interface Flight {
  /** `msg_` and 22 characters. */
  readonly id: string
  /** Without line breaks. */
  readonly body: string
  /** So many. */
  readonly updates: number
  /** When it was made, ms since 1970. */
  readonly at: number
  /** So often it was sent. */
  readonly attempts: number
  readonly leadsTo: Progress
}

export interface Off {
  /** `gone`: it answered 410; `failing`: for 120 h. */
  readonly because: 'gone' | 'failing'
  readonly at: number
  /** Whether its members were told. */
  readonly isTold: boolean
}

/** How an app's webhook stands. Times are ms since 1970. */
export interface WebhookState {
  /** Positions are of that epoch of the log. */
  readonly epoch: string
  readonly progress: Progress
  /** In the order in which they are sent, one after the other: each leads on from where the one before leads to. */
  readonly flights: readonly Flight[]
  /** Since when nothing succeeds; null: the last try did. */
  readonly failingSince: number | null
  /** So many tries have failed since. */
  readonly failures: number
  /** Nothing is sent before. */
  readonly nextAt: number
  readonly off: Off | null
  /** So many tries there were. */
  readonly tries: number
}

/** One try. */
export interface Delivery {
  readonly id: string
  readonly at: number
  /** The first is 1. */
  readonly attempt: number
  /** What was answered; null: nothing, as `error` says. */
  readonly status: number | null
  readonly error: string | null
  readonly ms: number
  readonly updates: number
}

/** So many tries of each app are remembered. */
export const DELIVERIES_KEPT = 50

/** Those that go on after a change of her grant: not what names her, nor what follows it, for that has to come after. */
export function flightsBefore<F extends Pick<Flight, 'body'>>(uid: string, flights: readonly F[]): readonly F[] {
  const first = flights.findIndex(({ body }) => body.includes(uid))
  return first < 0 ? flights : flights.slice(0, first)
}
