import { parseArgs } from 'node:util'
import { loadRunningConfig } from '../config.js'
import type { WatchLine } from '../gateway/gateway-control.js'
import { linkAdvice } from '../xmpp/link-advice.js'
import type { Command, Terminal } from './command.js'
import { ControlClient, ControlError } from './control-client.js'
import { CONFIG_HELP, CONFIG_OPTION } from './options.js'
import { PresenceTable } from './presence-table.js'
import { harmless } from './terminal-text.js'

const REDRAW_MS = 200
const TICK_MS = 1000
const REPORT_EVERY_MS = 2000
// How fresh somebody is changes with time and with the link, and no change tells of it: everybody is looked at again.
const REFRESH_EVERY_MS = 10_000
const REFRESH_MS_PER_USER = 1
// Alternate screen, no cursor, no wrapping; and back.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/** Shows presence live. */
export const watch: Command = {
  usage: 'watch [--config FILE]',
  summary: 'show presence live, until Ctrl-C',
  details: [
    CONFIG_HELP,
    '',
    'Asks the running gateway. A show with ? is the last that was known. Where standard output is no terminal: a line for',
    'everybody who is known, then one for each change: time, JID, show, freshness and text, separated by tabs.',
  ],

  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: CONFIG_OPTION })
    const config = loadRunningConfig(values.config)
    const client = new ControlClient(config)
    if (terminal.stdout.isTTY) {
      const describe = (reason: string) => linkAdvice(reason, config.xmpp)
      await new Screen(client, terminal, describe).run()
    } else {
      for await (const line of client.watch(terminal.stop)) terminal.stdout.write(tabbed(line, new Date()))
    }
    if (terminal.stop.aborted) return 0
    throw new ControlError('the gateway has gone')
  },
}

function tabbed(line: WatchLine, time: Date): string {
  const { jid, show, freshness, text } = 'gone' in line ? { jid: line.jid, ...GONE } : line
  return `${[time.toISOString(), jid, show, freshness, text ?? ''].map(harmless).join('\t')}\n`
}

const GONE = { show: 'unknown', freshness: 'unknown', text: null } as const

/** The terminal while it shows the table. */
class Screen {
  readonly #client: ControlClient
  readonly #terminal: Terminal
  readonly #describe: (reason: string) => string
  readonly #table = new PresenceTable()
  #notice: string | null = null
  #online: boolean | null = null
  #refreshedAt = Date.now()
  #drawnAt = 0
  #drawTook = 0
  #timer: NodeJS.Timeout | null = null
  #left = false
  /** Ends the watch that is under way, to begin another. */
  #again = new AbortController()

  constructor(client: ControlClient, terminal: Terminal, describe: (reason: string) => string) {
    this.#client = client
    this.#terminal = terminal
    this.#describe = describe
  }

  /** Resolves when stopped; rejects with ControlError when the gateway cannot be asked any more. */
  async run(): Promise<void> {
    const { stdout, stop } = this.#terminal
    // What is wrong at once is said where it stays readable.
    await this.#ask()
    stdout.write(ENTER)
    stop.addEventListener('abort', () => this.#again.abort(), { once: true })
    const tick = setInterval(() => this.#plan(), TICK_MS)
    const report = setInterval(() => void this.#ask().catch(() => {}), REPORT_EVERY_MS)
    try {
      do {
        this.#again = new AbortController()
        this.#refreshedAt = Date.now()
        if (stop.aborted) break
        for await (const line of this.#client.watch(this.#again.signal)) {
          this.#table.take(line)
          this.#plan()
        }
      } while (!stop.aborted && this.#again.signal.aborted)
    } finally {
      this.#left = true
      clearInterval(tick)
      clearInterval(report)
      if (this.#timer) clearTimeout(this.#timer)
      stdout.write(LEAVE)
    }
  }

  async #ask(): Promise<void> {
    const { link } = await this.#client.report()
    const was = this.#online
    this.#online = link.online
    this.#notice = link.online ? null : `NO LINK: ${link.lastError ? this.#describe(link.lastError) : 'connecting'}`
    const refreshEvery = Math.max(REFRESH_EVERY_MS, this.#table.size * REFRESH_MS_PER_USER)
    if ((was !== null && was !== link.online) || Date.now() - this.#refreshedAt > refreshEvery) this.#again.abort()
    this.#plan()
  }

  /** Draws soon: five times a second at most, and never more than a fifth of the time. */
  #plan(): void {
    // A report may come when all is over.
    if (this.#left) return
    const wait = Math.max(REDRAW_MS, this.#drawTook * 4)
    this.#timer ??= setTimeout(() => this.#draw(), Math.max(0, this.#drawnAt + wait - Date.now()))
  }

  #draw(): void {
    const { columns = 80, rows = 24 } = this.#terminal.stdout
    const began = Date.now()
    this.#timer = null
    this.#terminal.stdout.write(this.#table.draw({ columns: columns || 80, rows: rows || 24 }, this.#notice, began))
    this.#drawnAt = Date.now()
    this.#drawTook = this.#drawnAt - began
  }
}
