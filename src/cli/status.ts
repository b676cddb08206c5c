import { parseArgs } from 'node:util'
import { loadConfig } from '../config.js'
import { parseUserInput } from '../presence/jid.js'
import { statusOf } from '../presence/presence.js'
import { type Command, type Terminal, UsageError } from './command.js'
import { humanDuration } from './human-duration.js'
import type { PresenceDocument } from './presence-document.js'
import { type StatusAnswer, StatusApi } from './status-api.js'
import { harmless } from './terminal-text.js'

const OPTIONS = {
  url: { type: 'string' },
  config: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const
const DEFAULT_URL = 'http://localhost:8080'

/** Asks a status API about one user. */
export const status: Command = {
  usage: 'status <jid> [--url BASE] [--json]',
  summary: "ask any status API for a user's presence",
  details: [
    `--url BASE      where the API is, with or without /xmpp/status (default: ${DEFAULT_URL})`,
    '--config FILE   or: the gateway that this configuration is for',
    '--json          one line of JSON',
    '',
    'Exit code 0: she was found, offline or not; 1: not found, unknown, no answer; 2: that is no JID.',
  ],

  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [jid, ...more] = positionals
    if (jid === undefined || more.length > 0) throw new UsageError('status takes one JID')
    if (parseUserInput(jid).fault === 'malformed') {
      throw new UsageError(`${JSON.stringify(jid)} is not a user's JID such as alice@example.org`)
    }
    const api = new StatusApi(values.url ?? (values.config === undefined ? DEFAULT_URL : urlOf(values.config)))
    const { document, freshness } = await api.ask(jid, terminal.stop)
    if (document.kind === 'error') return tellError(jid, document.condition, values.json, terminal)
    const { stdout } = terminal
    if (values.json) stdout.write(`${json(jid, document, freshness)}\n`)
    else stdout.write(human(jid, document, freshness))
    return 0
  },
}

/** Where the gateway of this configuration listens, seen from this machine. */
function urlOf(file: string): string {
  const { host, port } = loadConfig(file).config.http
  if (port === 0) throw new UsageError('http.port is 0, which is any free port: say --url')
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

type Presence = Extract<PresenceDocument, { kind: 'presence' }>

function human(jid: string, { from, show, text, seconds }: Presence, freshness: StatusAnswer['freshness']): string {
  const lines = [
    ['jid', from ?? jid],
    ['show', show],
    ['text', text],
    ['last', seconds === null ? null : `${humanDuration(seconds)} ago, ${since(seconds)}`],
    ['freshness', freshness],
  ] as const
  return lines.map(([name, value]) => (value === null ? '' : `${name.padEnd(10)} ${harmless(value)}\n`)).join('')
}

/** The fields of our own JSON. */
function json(jid: string, { from, show, text, seconds }: Presence, freshness: StatusAnswer['freshness']): string {
  return printable({
    jid: from ?? jid,
    status: statusOf(show),
    show,
    text,
    since: seconds === null ? null : since(seconds),
    seconds,
    freshness,
  })
}

// JSON leaves DEL and the C1 controls as they are, and terminals obey them.
function printable(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function since(seconds: number): string {
  const time = new Date(Date.now() - seconds * 1000)
  return Number.isNaN(time.getTime()) ? 'at no date' : time.toISOString().replace(/\.\d+/, '')
}

function tellError(jid: string, condition: string, asJson: boolean, { stdout, stderr }: Terminal): number {
  if (asJson) stdout.write(`${printable({ jid, error: condition })}\n`)
  stderr.write(`presence-gateway: ${harmless(`${jid}: ${meaning(condition)}`)}\n`)
  return condition === 'jid-malformed' ? 2 : 1
}

function meaning(condition: string): string {
  switch (condition) {
    case 'item-not-found':
      return 'not found: there is no such user, or nothing of her is published'
    case 'remote-server-timeout':
      return 'unknown: the API has lost sight of the XMPP server; ask again later'
    case 'jid-malformed':
      return 'not a JID, says the API'
    default:
      return `the API answers with the error ${condition}`
  }
}
