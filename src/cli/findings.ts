import type { Terminal } from './command.js'
import { harmless } from './terminal-text.js'

/** What a check found, a line each, as it is found. */
export class Findings {
  readonly #stdout: Terminal['stdout']
  #failures = 0
  #warnings = 0

  constructor(stdout: Terminal['stdout']) {
    this.#stdout = stdout
  }

  get failures(): number {
    return this.#failures
  }

  ok(what: string, detail: string): void {
    this.#line('ok  ', what, detail)
  }

  get warnings(): number {
    return this.#warnings
  }

  /** Works, and yet the admin should know. */
  warn(what: string, detail: string): void {
    this.#warnings++
    this.#line('warn', what, detail)
  }

  /** `detail`: what is wrong, and what mends it. */
  fail(what: string, detail: string): void {
    this.#failures++
    this.#line('FAIL', what, detail)
  }

  #line(verdict: string, what: string, detail: string): void {
    this.#stdout.write(`${verdict} ${harmless(`${what}: ${detail}`)}\n`)
  }
}
