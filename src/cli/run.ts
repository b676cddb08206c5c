import { ConfigError } from '../config.js'
import { VERSION } from '../version.js'
import { backup } from './backup.js'
import { check } from './check.js'
import { type Command, type Terminal, UsageError } from './command.js'
import { init } from './init.js'
import { publish } from './publish.js'
import { restore } from './restore.js'
import { roster } from './roster.js'
import { start } from './start.js'
import { status } from './status.js'
import { subscribe } from './subscribe.js'
import { harmless } from './terminal-text.js'
import { watch } from './watch.js'

// In the order in which an admin meets them.
const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ init, check, start, status, watch, publish, subscribe, roster, backup, restore }),
)
const HELP = new Set(['help', '--help', '-h'])
const VERSION_FLAGS = new Set(['version', '--version', '-V'])

/** One command line → exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr } = terminal
  const [name = 'help', ...rest] = args
  if (VERSION_FLAGS.has(name)) return say(stdout, `${VERSION}\n`)
  const topic = HELP.has(name) ? rest[0] : name
  if (topic === undefined) return say(stdout, overview())
  const command = COMMANDS.get(topic)
  if (!command) {
    stderr.write(`presence-gateway: no command ${harmless(JSON.stringify(topic))}\n${overview()}`)
    return 2
  }
  if (HELP.has(name) || asksForHelp(rest)) return say(stdout, help(command))
  try {
    return await command.run(rest, terminal)
  } catch (error) {
    return explain(error, command, terminal)
  }
}

function say(stdout: Terminal['stdout'], text: string): number {
  stdout.write(text)
  return 0
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  const options = end < 0 ? args : args.slice(0, end)
  return options.includes('--help') || options.includes('-h')
}

function overview(): string {
  const names = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}\n`)
  return [
    'usage: presence-gateway <command> [options]\n\n',
    ...names,
    '\n  presence-gateway <command> --help says more; presence-gateway --version\n',
  ].join('')
}

function help({ usage, summary, details }: Command): string {
  const more = details.map((line) => (line === '' ? '\n' : `  ${line}\n`)).join('')
  return `usage: presence-gateway ${usage}\n\n  ${summary}\n\n${more}`
}

function explain(error: unknown, { usage }: Command, { stderr }: Terminal): number {
  const faults = error instanceof ConfigError ? error.faults : [(error as Error).message]
  for (const fault of faults) stderr.write(`presence-gateway: ${harmless(fault)}\n`)
  if (error instanceof ConfigError) return 2
  const { code } = error as Error & { code?: string }
  if (!(error instanceof UsageError) && !code?.startsWith('ERR_PARSE_ARGS')) return 1
  stderr.write(`usage: presence-gateway ${usage}\n`)
  return 2
}
