import { xml } from '@xmpp/component'
import type { Domains } from '../presence/domains.js'
import type { Mark } from '../presence/eras.js'
import type { PresenceBoard } from '../presence/presence-board.js'
import type { Link } from './link.js'
import { NS } from './stanzas.js'
import type { Uptime } from './uptime.js'

export interface PingParts {
  readonly link: Link
  readonly board: PresenceBoard
  readonly domains: Domains
}

const AT_ONCE = 100
const PAUSE_MS = 100
// Users looked at before the event loop has its turn.
const SLICE = 2000

/**
 * Asks each resource of the domain that was not heard since the mark whether it is there. For servers that have no better
 * means: `service-unavailable` counts as proof here, and here only.
 */
export async function pingUnheard(parts: PingParts, uptime: Uptime, domain: string, since: Mark): Promise<void> {
  const { link, board, domains } = parts
  let asked = 0
  let looked = 0
  for (const user of board.usersOf(domain)) {
    if (++looked % SLICE === 0) await uptime.pause(0)
    if (!uptime.lasts) return
    for (const resource of board.unheard(user, since)) {
      void link
        .request(`${domains.address(user)}/${resource}`, 'get', xml('ping', { xmlns: NS.ping }))
        .then((answer) => {
          if (!uptime.lasts || answer.kind === 'link-down' || answer.kind === 'timeout') return
          const gone = answer.kind === 'error' && answer.condition === 'service-unavailable'
          if (gone) board.remove(user, resource, null, null)
          else board.confirm(user, resource)
        })
      if (++asked % AT_ONCE > 0) continue
      await uptime.pause(PAUSE_MS)
      if (!uptime.lasts) return
    }
  }
}
