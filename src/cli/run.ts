import { ConfigError } from '../config.js'
import { type Command, type Terminal, UsageError } from './command.js'
import { start } from './start.js'

const COMMANDS: Readonly<Record<string, { readonly run: Command; readonly usage: string }>> = {
  start: { run: start, usage: 'start [--config FILE]' },
}

/** One command line → exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = 'help', ...rest] = args
  const command = COMMANDS[name]
  if (!command) {
    const asked = name === 'help' || name === '--help' || name === '-h'
    const lines = Object.values(COMMANDS).map(({ usage }) => `  presence-gateway ${usage}\n`)
    const out = asked ? terminal.stdout : terminal.stderr
    out.write(`${asked ? '' : `presence-gateway: no command ${JSON.stringify(name)}\n`}usage:\n${lines.join('')}`)
    return asked ? 0 : 2
  }
  try {
    return await command.run(rest, terminal)
  } catch (error) {
    return explain(error, command.usage, terminal)
  }
}

function explain(error: unknown, usage: string, { stderr }: Terminal): number {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) stderr.write(`presence-gateway: ${fault}\n`)
    return 2
  }
  const { code, message } = error as Error & { code?: string }
  if (error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS')) {
    stderr.write(`presence-gateway: ${message}\nusage: presence-gateway ${usage}\n`)
    return 2
  }
  stderr.write(`presence-gateway: ${message}\n`)
  return 1
}
