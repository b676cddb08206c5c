import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Config, loadConfig } from '../config.js'
import type { DomainReport } from '../gateway/xmpp-side.js'
import { systemClock } from '../ops/system-clock.js'
import { DirectoryLock } from '../storage/directory-lock.js'
import { ComponentLock } from '../xmpp/component-lock.js'
import { EjabberdHttpApi } from '../xmpp/ejabberd-api.js'
import { linkAdvice } from '../xmpp/link-advice.js'
import { checkPorts } from './check-ports.js'
import { checkRefresh } from './check-refresh.js'
import { checkRosters } from './check-rosters.js'
import { checkStorage } from './check-storage.js'
import { checkUpstreams } from './check-upstreams.js'
import type { Command } from './command.js'
import { type ProbedDomain, type ProbeResult, probeComponent } from './component-probe.js'
import { ControlClient } from './control-client.js'
import { Findings } from './findings.js'
import { CONFIG_HELP, CONFIG_OPTION } from './options.js'
import { EJABBERD_API, shippedFile } from './server-snippet.js'
import { within } from './within.js'

const API_MS = 5000

/** Tries everything that the gateway needs, and says what to mend. */
export const check: Command = {
  usage: 'check [--config FILE]',
  summary: 'try everything that the gateway needs, and say what to mend',
  details: [
    CONFIG_HELP,
    '',
    'One line each: ok, warn (works, but you should know), FAIL (with what mends it). While the gateway runs it is asked,',
    'rather than the server. Takes at most 15 s.',
    '',
    'Exit code 0: nothing failed; 1: something is to be mended; 2: the configuration is not valid.',
  ],

  async run(args, { stdout, pid, stop }) {
    const { values } = parseArgs({ args: [...args], options: CONFIG_OPTION })
    const { config, warnings } = loadConfig(values.config)
    const findings = new Findings(stdout)
    checkConfig(values.config, config, findings)
    for (const warning of warnings) findings.warn('config', warning)
    const upstreams = checkUpstreams(config, stop)
    if (DirectoryLock.isHeld(config.storage.directory)) await checkRunning(config, findings, stop)
    else await checkAtRest(config, pid, findings, stop)
    const tellUpstreams = await upstreams
    if (stop.aborted) return 1
    tellUpstreams(findings)
    const { failures, warnings: known } = findings
    if (failures > 0) stdout.write(`${failures} to mend.\n`)
    else stdout.write(known > 0 ? 'Nothing to mend; read the warnings.\n' : 'All is well.\n')
    return failures === 0 ? 0 : 1
  },
}

function checkConfig(file: string, config: Config, findings: Findings): void {
  const published = [...config.domains.values()]
    .map(({ written, publish }) => `${written} (publish: ${publish})`)
    .join(', ')
  findings.ok('config', `${file} serves ${published}`)
  findings.ok('pages', `people sign in at ${config.http.publicUrl} only (http.publicUrl)`)
  if ((statSync(file).mode & 0o004) !== 0 && holdsSecret(file)) {
    findings.warn('config', `${file} holds the secret and anybody on this machine can read it: chmod o-r ${file}`)
  }
}

function holdsSecret(file: string): boolean {
  try {
    const { secret, password } = loadConfig(file, {}).config.xmpp
    return secret !== '' || password !== ''
  } catch {
    // Without the environment it need not be complete.
    return false
  }
}

/** The gateway itself knows; a second link would split ejabberd's stanzas. */
async function checkRunning(config: Config, findings: Findings, stop: AbortSignal): Promise<void> {
  const { xmpp } = config
  const report = await new ControlClient(config).report().catch((error: Error) => {
    findings.fail('gateway', error.message)
    return null
  })
  if (!report) return
  findings.ok('gateway', `runs as process ${report.pid}, and was asked`)
  if (report.storage.error) findings.fail('storage', `${config.storage.directory}: ${report.storage.error}`)
  else findings.ok('storage', `${config.storage.directory} is written`)
  findings.ok('http', `answers at ${report.url}`)
  if (report.ops) findings.ok('ops', `answers at ${report.ops}`)
  const tellRefresh = await checkRefresh(config, stop, new Map(report.refreshFaults))
  tellRefresh(findings)
  if (!report.link.online) {
    findings.fail(
      'link',
      report.link.lastError ? linkAdvice(report.link.lastError, xmpp) : 'is being made: check again',
    )
    return
  }
  if (report.account) {
    const { tellAccount } = await import('./check-account.js')
    return tellAccount(config, report.account, findings)
  }
  findings.ok('link', `connected to ${xmpp.service} as ${xmpp.domain}`)
  for (const domain of report.domains) {
    const unanswered = domain.server === null ? 'nothing yet' : null
    checkDomain({ ...domain, unanswered }, config, findings)
  }
  if (!report.ejabberdApi) return
  if (report.ejabberdApi.error === null) findings.ok('ejabberd API', withoutUserinfo(xmpp.ejabberdApi))
  else findings.fail('ejabberd API', apiAdvice(report.ejabberdApi.error))
}

async function checkAtRest(config: Config, pid: number, findings: Findings, stop: AbortSignal): Promise<void> {
  const seen = await checkStorage(config.storage.directory, findings)
  await checkPorts(config, findings)
  if (config.xmpp.connection === 'account') {
    const { checkAccount } = await import('./check-account.js')
    return checkAccount(config, systemClock, findings, stop)
  }
  // Side by side, to be quick; told in order.
  const api = askApi(config, stop)
  const refresh = checkRefresh(config, stop)
  const link = await tryLink(config, pid, stop)
  if (stop.aborted) return
  if (link.kind === 'down') findings.fail('link', link.reason)
  else {
    findings.ok('link', `${config.xmpp.service} takes us as ${config.xmpp.domain}`)
    for (const domain of link.domains) {
      const { subscription = 0, roster = 0 } = seen.get(domain.domain) ?? {}
      // Who came by a source that is not configured now is not seen by it.
      const sources = new Set<string>(config.xmpp.sources)
      const subscribed = sources.has('subscription') ? subscription : 0
      const rostered = sources.has('roster') ? roster : 0
      checkDomain({ ...domain, subscribed, rostered }, config, findings)
    }
  }
  const tellRefresh = await refresh
  tellRefresh(findings)
  const verdict = await api
  if (verdict?.error) findings.fail('ejabberd API', apiAdvice(verdict.error))
  else if (verdict)
    findings.ok('ejabberd API', `${withoutUserinfo(config.xmpp.ejabberdApi)}: ${verdict.sessions} online`)
}

async function tryLink(config: Config, pid: number, stop: AbortSignal): Promise<ProbeResult> {
  const { service, domain } = config.xmpp
  let lock: ComponentLock
  try {
    // A gateway with another data directory.
    lock = await ComponentLock.acquire(service, domain, pid)
  } catch (error) {
    return { kind: 'down', reason: `${(error as Error).message}: stop that one, or use its configuration` }
  }
  try {
    const result = await probeComponent(config, systemClock, stop)
    return result.kind === 'up' ? result : { kind: 'down', reason: linkAdvice(result.reason, config.xmpp) }
  } finally {
    lock.release()
  }
}

type CheckedDomain = ProbedDomain & DomainReport

const SERVER_TITLES = { prosody: 'Prosody', ejabberd: 'ejabberd', other: 'neither Prosody nor ejabberd' } as const

function checkDomain(state: CheckedDomain, config: Config, findings: Findings): void {
  const { domain, server, unanswered } = state
  if (server === null) {
    findings.fail(
      `domain ${domain}`,
      `the server does not answer for it (${unanswered}): add it there, or take it out of domains`,
    )
    return
  }
  findings.ok(`domain ${domain}`, `its server is ${SERVER_TITLES[server]}`)
  const sources = new Set<string>(config.xmpp.sources)
  if (sources.has('privileged')) checkPrivilege(state, config, findings)
  else if (state.subscribed + state.rostered > 0) findings.ok(`domain ${domain}`, seenUsers(state))
  else {
    const ways = [
      ...(sources.has('subscription')
        ? ['no user lets the gateway see her yet: presence-gateway subscribe <jid>']
        : []),
      ...(sources.has('roster') ? ['no user was given a roster with the gateway in it yet'] : []),
    ]
    findings.warn(`domain ${domain}`, ways.join('; '))
  }
  checkRosters(state, config, findings)
}

function checkPrivilege(state: CheckedDomain, { xmpp }: Config, findings: Findings): void {
  const { domain, server, privileged, subscribed, rostered } = state
  const what = `privilege ${domain}`
  if (privileged) {
    findings.ok(what, 'the gateway sees every user')
    if (server === 'ejabberd' && xmpp.ejabberdApi === '') {
      findings.warn(
        'ejabberd API',
        `without it nobody knows after a restart who is online: set xmpp.ejabberdApi, to ${EJABBERD_API} with ${shippedFile('ejabberd', 'privileged')}`,
      )
    }
    return
  }
  const mend = `${privilegeAdvice(state, xmpp.domain)}; or take privileged out of xmpp.sources`
  if (subscribed + rostered > 0) findings.warn(what, `the gateway sees only some (${seenUsers(state)}): ${mend}`)
  else findings.fail(what, `the gateway sees nobody: ${mend}`)
}

function privilegeAdvice({ server, domain }: CheckedDomain, component: string): string {
  switch (server) {
    case 'prosody':
      return `include ${shippedFile('prosody', 'privileged')} with ${domain} and ${component} in it, and restart Prosody`
    case 'ejabberd':
      return `include ${shippedFile('ejabberd', 'privileged')} (mod_privilege) and restart ejabberd`
    default:
      return `let the server give ${component} the privilege presence=managed_entity (XEP-0356)`
  }
}

function seenUsers({ subscribed, rostered }: CheckedDomain): string {
  return [
    ...(subscribed > 0 ? [subscribed === 1 ? '1 user has accepted it' : `${subscribed} users have accepted it`] : []),
    ...(rostered > 0
      ? [rostered === 1 ? '1 user has it in her roster' : `${rostered} users have it in their rosters`]
      : []),
  ].join(', ')
}

/** null: there is none to ask. */
async function askApi({ xmpp, limits }: Config, stop: AbortSignal) {
  if (xmpp.ejabberdApi === '') return null
  const asked = new EjabberdHttpApi(xmpp.ejabberdApi, limits.text).sessions().then(
    (sessions) => ({ sessions: sessions.length, error: null }),
    (error: Error) => ({ sessions: 0, error: error.message }),
  )
  const late = { sessions: 0, error: `${withoutUserinfo(xmpp.ejabberdApi)} does not answer within ${API_MS / 1000} s` }
  return (await within(API_MS, stop, asked)) ?? late
}

function apiAdvice(error: string): string {
  return `${error}: mend xmpp.ejabberdApi, or open it in ejabberd (${shippedFile('ejabberd', 'privileged')} does)`
}

function withoutUserinfo(text: string): string {
  const url = new URL(text)
  url.username = url.password = ''
  return url.href
}
