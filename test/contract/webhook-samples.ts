import type { Delivery, Flight, WebhookState } from '../../src/delivery/webhook-state.js'

export function aWebhookState(said: Partial<WebhookState> = {}): WebhookState {
  return {
    epoch: '0123456789abcdef',
    progress: { position: 0, round: null },
    flights: [],
    failingSince: null,
    failures: 0,
    nextAt: 0,
    off: null,
    tries: 0,
    ...said,
  }
}

export function aFlight(said: Partial<Flight> = {}): Flight {
  const leadsTo = { position: 1, round: null }
  return { id: 'msg_abcdefghijklmnopqrstuv', body: '{}', updates: 1, at: 1, attempts: 0, leadsTo, ...said }
}

export function aDelivery(said: Partial<Delivery> = {}): Delivery {
  return { id: 'msg_abcdefghijklmnopqrstuv', at: 1, attempt: 1, status: 204, error: null, ms: 1, updates: 1, ...said }
}
