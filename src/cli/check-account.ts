import { randomUUID } from 'node:crypto'
import type { Config } from '../config.js'
import type { AccountReport } from '../gateway/xmpp-side.js'
import type { Clock } from '../presence/clock.js'
import { Domains } from '../presence/domains.js'
import { AccountLink } from '../xmpp/account-link.js'
import { AccountRoster } from '../xmpp/account-roster.js'
import { linkAdvice } from '../xmpp/link-advice.js'
import { streamBounds } from '../xmpp/xml-stream-reader.js'
import type { Findings } from './findings.js'
import { within } from './within.js'

const UP_MS = 7000
const ROSTER_MS = 5000

/** Logs in for a moment, unseen, and looks at the roster. */
export async function checkAccount(config: Config, clock: Clock, findings: Findings, stop: AbortSignal): Promise<void> {
  const { xmpp, limits, domains } = config
  const { service, jid, password } = xmpp
  let lost: string | null = null
  let settled = () => {}
  const first = new Promise<void>((resolve) => {
    settled = resolve
  })
  const link = new AccountLink(
    { service, jid, password, bounds: streamBounds(limits.stanza) },
    clock,
    { id: randomUUID, fraction: () => 1 },
    {
      lost: (reason) => {
        lost ??= reason
        settled()
      },
      skipped: () => {},
    },
  )
  const served = new Domains([...domains.values()].map(({ written }) => written))
  const roster = new AccountRoster(link, jid, served, { granted: () => {}, withdrawn: () => {} })
  link.start({ up: settled, stanza: () => {}, down: () => {}, missed: () => {} })
  try {
    await within(UP_MS, stop, first)
    if (stop.aborted) return
    if (!link.online) return findings.fail('link', linkAdvice(lost ?? 'no answer while connecting', xmpp))
    const loaded = await within(
      ROSTER_MS,
      stop,
      roster.load().then((why) => ({ why })),
    )
    if (stop.aborted) return
    if (loaded?.why === null) return tellAccount(config, { encrypted: link.secured, ...roster.count() }, findings)
    tellLink(config, link.secured, findings)
    findings.fail('roster', `does not come: ${loaded?.why ?? `no answer within ${ROSTER_MS / 1000} s`}`)
  } finally {
    await link.stop()
  }
}

/** What is known of an account that is connected. */
export function tellAccount(
  config: Config,
  { encrypted, seen, asked, unserved }: AccountReport,
  findings: Findings,
): void {
  tellLink(config, encrypted, findings)
  const waiting = asked > 0 ? `; ${asked} did not answer yet` : ''
  if (seen > 0) findings.ok('roster', `the gateway sees ${people(seen)}${waiting}`)
  else findings.warn('roster', `the gateway sees nobody yet${waiting}: presence-gateway subscribe <jid>`)
  if (unserved > 0) findings.warn('domains', `${people(unserved)} of other domains than these: not published`)
}

function tellLink({ xmpp }: Config, encrypted: boolean, findings: Findings): void {
  const how = encrypted ? 'over TLS' : 'without TLS, on this machine'
  findings.ok('link', `${xmpp.service} takes us as ${xmpp.jid}, ${how}`)
}

function people(count: number): string {
  return count === 1 ? '1 contact' : `${count} contacts`
}
