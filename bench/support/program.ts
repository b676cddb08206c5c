import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { pin } from './pin.js'

type Answer = { readonly result: unknown } | { readonly error: string }

/** One of bench/programs/ in a process of its own, which ends with this one at the latest. Answers one call at a time. */
export class Program {
  readonly #process: ChildProcess
  readonly #name: string

  private constructor(name: string, execArgv: string[]) {
    this.#name = name
    this.#process = fork(new URL(`../programs/${name}.js`, import.meta.url), { execArgv })
  }

  static async start(name: string, core: 'measured' | 'load', execArgv: string[] = []): Promise<Program> {
    const program = new Program(name, execArgv)
    await once(program.#process, 'spawn')
    pin(program.#process.pid, core)
    return program
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  async call<T>(method: string, argument?: unknown): Promise<T> {
    const process = this.#process
    const answered = new AbortController()
    const { signal } = answered
    const ended = async () => {
      const [code] = await once(process, 'exit', { signal })
      throw new Error(`bench/programs/${this.#name} ended with ${code}`)
    }
    try {
      const answer = once(process, 'message', { signal }) as Promise<[Answer]>
      process.send({ method, argument })
      const [message] = await Promise.race([answer, ended()])
      if ('error' in message) throw new Error(`bench/programs/${this.#name} ${method}: ${message.error}`)
      return message.result as T
    } finally {
      answered.abort()
    }
  }

  /** It does nothing until `resume`. */
  pause(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}
