import { Child } from '../support/child.js'
import { REPOSITORY } from '../support/repository.js'

const MAIN = `${REPOSITORY}build/src/main.js`

export interface CliOptions {
  cwd?: string
  env?: Record<string, string>
}

export interface Outcome {
  readonly code: number | null
  /** Standard output, line by line. */
  readonly lines: readonly string[]
  /** Both outputs. */
  readonly output: string
  readonly tookMs: number
}

/** The command as somebody types it, to its end. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  const lines: string[] = []
  const began = performance.now()
  const child = startCli(args, { ...options, onLine: (line) => lines.push(line) })
  const { code } = await child.exited
  return { code, lines, output: child.output, tookMs: performance.now() - began }
}

export function startCli(
  args: readonly string[],
  options: CliOptions & { onLine?: (line: string) => void } = {},
): Child {
  return new Child(process.execPath, [MAIN, ...args], { ...options, env: environment(options.env), missing: '' })
}

/** With a terminal of that size around it; what it writes comes as one output. */
export function startInTerminal(args: readonly string[], { rows, columns }: { rows: number; columns: number }): Child {
  const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  // Its own process id is said first: signals to script(1) would end the terminal, not reach the command.
  const inside = `stty rows ${rows} columns ${columns}; echo "pid=$$"; exec ${command}`
  return new Child('script', ['-qfec', inside, '/dev/null'], {
    env: { ...environment({}), SHELL: '/bin/sh', TERM: 'xterm' },
    missing: 'script is not installed: apt-get install -y bsdutils',
  })
}

function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATEWAY_'))
  return { ...Object.fromEntries(inherited), ...extra }
}
