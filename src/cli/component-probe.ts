import { randomUUID } from 'node:crypto'
import type { Config } from '../config.js'
import type { DomainReport } from '../gateway/xmpp-side.js'
import type { Clock } from '../presence/clock.js'
import { Domains } from '../presence/domains.js'
import { ComponentLink } from '../xmpp/component-link.js'
import { PrivilegedSource } from '../xmpp/privileged-source.js'
import { proveRosterPrivilege } from '../xmpp/roster-privilege.js'
import { identify } from '../xmpp/server-identity.js'
import { streamBounds } from '../xmpp/xml-stream-reader.js'
import { within } from './within.js'

export interface ProbedDomain extends Omit<DomainReport, 'subscribed' | 'rostered'> {
  /** Why the server did not answer for it; null: it did. */
  readonly unanswered: string | null
}

export type ProbeResult =
  | { readonly kind: 'up'; readonly domains: readonly ProbedDomain[] }
  | { readonly kind: 'down'; readonly reason: string }

const UP_MS = 7000
const ANSWER_MS = 4000
// Prosody announces privileges with the handshake, ejabberd just after it.
const ANNOUNCEMENT_MS = 2000

/** Connects as the component for a few seconds and finds out what the server gives it. Nobody else may be connected. */
export async function probeComponent(config: Config, clock: Clock, stop: AbortSignal): Promise<ProbeResult> {
  const { service, domain, secret } = config.xmpp
  const domains = new Domains([...config.domains.values()].map(({ written }) => written))
  const privileged = new PrivilegedSource(domains, true)
  const unannounced = new Set(domains)
  const announced = new Moment<void>()
  const first = new Moment<void>()
  let lost = null as string | null
  const bounds = streamBounds(config.limits.stanza)
  const link = new ComponentLink(
    { service, domain, secret, bounds },
    clock,
    { id: randomUUID, fraction: () => 1 },
    {
      lost: (reason) => {
        lost ??= reason
        first.come()
      },
      skipped: () => {},
    },
  )
  link.start({
    up: () => first.come(),
    stanza: (stanza) => {
      const name = stanza.name === 'message' ? privileged.announced(stanza) : null
      if (name !== null && (privileged.has(name) || privileged.writesRosters(name))) unannounced.delete(name)
      if (unannounced.size === 0) announced.come()
    },
    down: () => announced.come(),
    missed: () => {},
  })
  try {
    await within(UP_MS, stop, first.came)
    if (!link.online) return { kind: 'down', reason: lost ?? `no answer while opening, for ${UP_MS / 1000} s` }
    const asked = [...domains].map(async (name): Promise<ProbedDomain> => {
      const identity = await identify(link, domains.written(name), ANSWER_MS)
      const unanswered = identity.server === null ? identity.why : null
      return { domain: name, server: identity.server, unanswered, privileged: false, rosterPrivilege: null }
    })
    await within(ANNOUNCEMENT_MS, stop, announced.came)
    const proven = [...domains].map(async (name): Promise<ProbedDomain['rosterPrivilege']> => {
      if (!privileged.writesRosters(name)) return null
      return { fault: await proveRosterPrivilege(link, domains.written(name), ANSWER_MS) }
    })
    const answered = await Promise.all(asked)
    const rosters = await Promise.all(proven)
    // As where another link of this component is there, too.
    if (lost !== null) return { kind: 'down', reason: lost }
    return {
      kind: 'up',
      domains: answered.map((found, index) => ({
        ...found,
        privileged: privileged.has(found.domain),
        rosterPrivilege: rosters[index] ?? null,
      })),
    }
  } finally {
    await link.stop()
  }
}

/** Something that happens once. */
class Moment<T> {
  come: (value: T) => void = () => {}
  readonly came = new Promise<T>((resolve) => {
    this.come = resolve
  })
}
