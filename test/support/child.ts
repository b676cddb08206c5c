import { type ChildProcess, spawn } from 'node:child_process'

const KEPT_OUTPUT = 200_000
const running = new Set<Child>()
process.on('exit', () => {
  for (const child of running) child.signal('SIGKILL')
})

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A program that ends with the tests at the latest. Its output is kept, the oldest dropped. */
export class Child {
  readonly exited: Promise<Exit>
  readonly #process: ChildProcess
  readonly #title: string
  #output = ''
  #exit: Exit | undefined

  constructor(
    command: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv; missing: string; onLine?: (line: string) => void },
  ) {
    this.#title = command
    this.#process = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this)
    this.exited = new Promise((resolve) => {
      const finish = (exit: Exit) => {
        this.#exit = exit
        running.delete(this)
        resolve(exit)
      }
      this.#process.once('error', (error: NodeJS.ErrnoException) => {
        this.#output += error.code === 'ENOENT' ? options.missing : error.message
        finish({ code: 127, signal: null })
      })
      this.#process.once('close', (code, signal) => finish({ code, signal }))
    })
    let rest = ''
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#keep(text)
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) options.onLine?.(line)
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  get output(): string {
    return this.#output
  }

  /** Throws, with the output, once the program has ended; for use while waiting for it to be ready. */
  assertRunning(): void {
    if (this.#exit) throw new Error(`${this.#title} ended with ${JSON.stringify(this.#exit)}:\n${this.#output}`)
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Asks it to end; insists after `graceMs`. */
  async end(graceMs = 10_000): Promise<Exit> {
    this.signal('SIGTERM')
    const insist = setTimeout(() => this.signal('SIGKILL'), graceMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(insist)
    }
  }

  async kill(): Promise<Exit> {
    this.signal('SIGKILL')
    return this.exited
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-KEPT_OUTPUT)
  }
}
