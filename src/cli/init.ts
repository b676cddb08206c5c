import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { normaliseDomain, parseUserInput } from '../presence/jid.js'
import { type Command, UsageError } from './command.js'
import { CONFIG_OPTION } from './options.js'
import { writePrivateFile } from './private-file.js'
import {
  EJABBERD_API,
  PACKAGE,
  type ServerName,
  type SourceName,
  serverSnippet,
  type Wiring,
} from './server-snippet.js'

const OPTIONS = {
  ...CONFIG_OPTION,
  server: { type: 'string', default: 'prosody' },
  domain: { type: 'string', multiple: true },
  component: { type: 'string' },
  source: { type: 'string', default: 'privileged' },
  account: { type: 'string' },
  force: { type: 'boolean', default: false },
} as const
const SECRET_BYTES = 32

/** Writes a configuration, and what the XMPP server needs. */
export const init: Command = {
  usage:
    'init [--config FILE] [--server prosody|ejabberd] [--source privileged|subscription] [--domain DOMAIN]… [--component DOMAIN] [--account JID] [--force]',
  summary: 'write a configuration and what the XMPP server needs',
  details: [
    '--config FILE        what to write (default: gateway.yaml)',
    '--server NAME        prosody (default) or ejabberd',
    '--source NAME        privileged (default): everybody is seen; subscription: those who accept the gateway as a contact',
    '--domain DOMAIN      whose users are served; more than once for more (default: localhost)',
    "--component DOMAIN   the gateway's own name (default: presence. and the first domain)",
    '--account JID        be a plain XMPP account instead, on any server: its contacts are seen; --server, --source, --component do not matter',
    '--force              overwrite FILE, with a new secret',
    '',
    "Standard output carries only the server's part, ready to be saved as a file; the rest is said on standard error.",
  ],

  async run(args, { stdout, stderr }) {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    const { config: file, force } = values
    const server = serverArgument(values.server)
    const account = values.account === undefined ? null : accountArgument(values.account)
    const domains = [...new Set((values.domain ?? [account?.domain ?? 'localhost']).map(domainArgument))]
    if (account) {
      writePrivateFile(file, configText(accountLines(account.jid), domains), force)
      stderr.write(`Wrote ${file}. Write the account's password into it, then:\n\n${nextSteps(file)}`)
      return 0
    }
    const component = domainArgument(values.component ?? `presence.${domains[0]}`)
    if (domains.includes(component)) throw new UsageError(`${component} cannot be both served and the gateway's own`)
    const source = sourceArgument(values.source)
    const wiring: Wiring = { component, domains, source, secret: randomBytes(SECRET_BYTES).toString('base64url') }
    const snippet = serverSnippet(server, wiring)
    writePrivateFile(file, configText(componentLines(server, wiring), domains), force)
    const title = server === 'prosody' ? 'Prosody' : 'ejabberd'
    stderr.write(`Wrote ${file}, with a new secret in it. ${title} needs this:\n\n`)
    stdout.write(snippet)
    stderr.write(`\nOnce ${title} has it and was restarted:\n\n${nextSteps(file)}`)
    return 0
  },
}

function nextSteps(file: string): string {
  return ['check', 'start'].map((name) => `  presence-gateway ${name} --config ${shellWord(file)}\n`).join('')
}

function accountArgument(text: string): { jid: string; domain: string } {
  if (parseUserInput(text).fault !== undefined) throw new UsageError(`${JSON.stringify(text)} is not a JID`)
  return { jid: text, domain: text.slice(text.lastIndexOf('@') + 1) }
}

function serverArgument(name: string): ServerName {
  if (name === 'prosody' || name === 'ejabberd') return name
  throw new UsageError(`${JSON.stringify(name)} is neither prosody nor ejabberd`)
}

function sourceArgument(name: string): SourceName {
  if (name === 'privileged' || name === 'subscription') return name
  throw new UsageError(`${JSON.stringify(name)} is neither privileged nor subscription`)
}

function domainArgument(text: string): string {
  if (normaliseDomain(text) === null) throw new UsageError(`${JSON.stringify(text)} is not a domain`)
  // In its own spelling: an XMPP server knows its host by one only.
  return text.toLowerCase()
}

function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function componentLines(server: ServerName, { component, secret, source }: Wiring): string[] {
  const api =
    server === 'ejabberd' && source === 'privileged'
      ? [`  ejabberdApi: ${JSON.stringify(EJABBERD_API)} # who is online, asked at each start`]
      : []
  return [
    '  service: "xmpp://127.0.0.1:5347" # where the server takes components',
    `  domain: ${JSON.stringify(component)} # the gateway's own name there`,
    `  secret: ${JSON.stringify(secret)}`,
    `  sources: [${source}]`,
    ...api,
  ]
}

function accountLines(jid: string): string[] {
  return [
    '  connection: account',
    `  jid: ${JSON.stringify(jid)} # its contacts are seen: presence-gateway subscribe <jid>`,
    '  password: "" # or in GATEWAY_XMPP_PASSWORD',
    '  # service: "xmpp://xmpp.example.org:5222" # where its server takes clients, if that is not the domain of the JID',
  ]
}

/** Only what one changes. */
function configText(xmpp: readonly string[], domains: readonly string[]): string {
  const served = domains.flatMap((domain) => [
    `  ${JSON.stringify(domain)}:`,
    '    publish: none # what the web may see of users who chose nothing: none, status (no text) or details',
  ])
  return [
    '# presence-gateway: only what one usually changes.',
    `# Every key and its default: ${PACKAGE}config/gateway.yaml`,
    `# How it all fits together: ${PACKAGE}docs/admin.md`,
    '',
    'http:',
    '  port: 8080 # on 127.0.0.1',
    '  # How browsers reach the gateway: people sign in there only. Without it that is http://localhost:8080.',
    '  # publicUrl: "https://presence.example.org"',
    '',
    'xmpp:',
    ...xmpp,
    '',
    'domains:',
    ...served,
    '',
    'storage:',
    '  directory: ./data # beside this file',
    '',
  ].join('\n')
}
