import { statSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { stringify } from 'csv-stringify/sync'
import * as z from 'zod'
import { loadRunningConfig } from '../config.js'
import { readContacts } from '../roster/roster-json.js'
import { type Command, type Terminal, UsageError } from './command.js'
import { ControlClient } from './control-client.js'
import { CONFIG_HELP, CONFIG_OPTION } from './options.js'
import {
  CSV_COLUMNS,
  type FiledRoster,
  formatOf,
  joinGroups,
  type RosterFormat,
  readRosterFile,
  writeJson,
} from './roster-file.js'
import { harmless } from './terminal-text.js'

const OPTIONS = {
  ...CONFIG_OPTION,
  format: { type: 'string' },
  replace: { type: 'boolean', default: false },
  domain: { type: 'string', multiple: true },
} as const
const IMPORTED = z.object({
  users: z.number(),
  contacts: z.number(),
  faults: z.array(z.object({ user: z.string(), contact: z.string().nullable(), why: z.string() })),
})
const EXPORTED = z.object({
  rosters: z.array(z.object({ user: z.string(), printed: z.string() })),
  next: z.string().nullable(),
})
// One transaction, on the disk before the next.
const USERS_A_CALL = 200
const CHARACTERS_A_CALL = 1024 * 1024
const PROGRESS_EVERY_MS = 5000
const FAULTS_SAID = 20

/** Rosters from a file, and into one. */
export const roster: Command = {
  usage: 'roster import FILE [--replace] | roster export [--domain D]… [--format json|csv] [--config FILE]',
  summary: 'take rosters over from a file, or write them out',
  details: [
    'import FILE   .json {"alice@example.org": {"bob@example.org": {"name": "Bob", "groups": {"Friends": true}}}, …}',
    '              .csv  user,contact,name,groups (groups separated by ;)',
    '--replace     the rosters in FILE take the place of what those users have; otherwise their contacts are added',
    'export        to standard output',
    '--domain D    of this domain only (default: of all)',
    '--format F    json or csv (default: as FILE is called, json)',
    CONFIG_HELP,
    '',
    'What is no contact in FILE is left out and said, and the exit code is 1 then. Asks the running gateway; connected',
    'clients see the change where the server is told of it.',
  ],

  async run(args, terminal) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    const [what, file, ...more] = positionals
    const { format } = values
    if (format !== undefined && format !== 'json' && format !== 'csv') throw new UsageError('--format is json or csv')
    if (more.length === 0 && what === 'import' && file !== undefined) {
      const read = format ?? formatOf(file)
      if (!read) throw new UsageError(`${JSON.stringify(file)} is neither .json nor .csv: say which by --format`)
      const client = new ControlClient(loadRunningConfig(values.config))
      return new Import(client, values.replace, terminal).run(file, read)
    }
    if (what === 'export' && file === undefined) {
      const config = loadRunningConfig(values.config)
      return exportAll(
        new ControlClient(config),
        values.domain ?? [...config.domains.keys()],
        format ?? 'json',
        terminal,
      )
    }
    throw new UsageError('roster takes import FILE, or export')
  },
}

interface Waiting {
  readonly user: string
  readonly contacts: unknown
  readonly replace: boolean
  readonly line: number | null
}

class Import {
  readonly #client: ControlClient
  readonly #replace: boolean
  readonly #terminal: Terminal
  /** Who was in the file already: there once more, she is added to. */
  readonly #seen = new Set<string>()
  #users = 0
  #contacts = 0
  #faults = 0
  #read = 0
  #said = performance.now()

  constructor(client: ControlClient, replace: boolean, terminal: Terminal) {
    this.#client = client
    this.#replace = replace
    this.#terminal = terminal
  }

  async run(file: string, format: RosterFormat): Promise<number> {
    const size = statSync(file, { throwIfNoEntry: false })?.size
    if (size === undefined) throw new Error(`there is no file ${file}`)
    await this.#client.report()
    let waiting = new Map<string, Waiting>()
    let characters = 0
    const send = async () => {
      if (waiting.size > 0) await this.#send([...waiting.values()])
      waiting = new Map()
      characters = 0
      this.#progress(size)
    }
    const count = (bytes: number) => {
      this.#read += bytes
    }
    for await (const roster of readRosterFile(file, format, count)) {
      if (this.#terminal.stop.aborted) break
      const full = waiting.size >= USERS_A_CALL || characters >= CHARACTERS_A_CALL
      if (full || waiting.has(roster.user)) await send()
      waiting.set(roster.user, this.#waiting(roster))
      characters += JSON.stringify(roster.contacts ?? null).length
    }
    await send()
    const { stdout, stderr, stop } = this.#terminal
    stdout.write(`${numbers(this.#users, 'roster')} with ${numbers(this.#contacts, 'contact')} taken over\n`)
    if (this.#faults > FAULTS_SAID) stderr.write(`presence-gateway: and ${this.#faults - FAULTS_SAID} more left out\n`)
    if (stop.aborted) stderr.write('presence-gateway: stopped; the rest of the file was not read\n')
    return this.#faults > 0 || stop.aborted ? 1 : 0
  }

  #waiting({ user, contacts, line }: FiledRoster): Waiting {
    const replace = this.#replace && !this.#seen.has(user)
    if (this.#replace) this.#seen.add(user)
    return { user, contacts, replace, line }
  }

  async #send(rosters: readonly Waiting[]): Promise<void> {
    const { users, contacts, faults } = await this.#client.call('roster-import', { rosters }, IMPORTED)
    this.#users += users
    this.#contacts += contacts
    const lines = new Map(rosters.map(({ user, line }) => [user, line]))
    for (const { user, contact, why } of faults) {
      if (++this.#faults > FAULTS_SAID) continue
      const line = lines.get(user)
      const where = line == null ? user : `line ${line}: ${user}`
      this.#terminal.stderr.write(
        `presence-gateway: ${harmless(`${where}${contact === null ? '' : `, ${contact}`} ${why}`)}: left out\n`,
      )
    }
  }

  #progress(size: number): void {
    if (performance.now() - this.#said < PROGRESS_EVERY_MS) return
    this.#said = performance.now()
    const percent = Math.floor((this.#read / Math.max(1, size)) * 100)
    this.#terminal.stderr.write(`${percent} %: ${numbers(this.#users, 'roster')}\n`)
  }
}

async function exportAll(
  client: ControlClient,
  domains: readonly string[],
  format: RosterFormat,
  { stdout, stop }: Terminal,
): Promise<number> {
  async function* rosters() {
    for (const domain of domains) {
      for (let after: string | null = ''; after !== null && !stop.aborted; ) {
        const page: z.infer<typeof EXPORTED> = await client.call('roster-export', { domain, after }, EXPORTED)
        yield* page.rosters
        after = page.next
      }
    }
  }
  for await (const piece of format === 'csv' ? writeCsv(rosters()) : writeJson(rosters())) {
    if (!stdout.write(piece)) await drained(stdout)
  }
  return stop.aborted ? 1 : 0
}

async function* writeCsv(rosters: AsyncIterable<{ user: string; printed: string }>): AsyncGenerator<string> {
  yield stringify([[...CSV_COLUMNS]])
  for await (const { user, printed } of rosters) {
    const rows = [...readContacts(printed)].map(([jid, { name, groups }]) => [
      user,
      jid,
      name ?? '',
      joinGroups(groups),
    ])
    yield stringify(rows)
  }
}

function drained(stdout: Terminal['stdout']): Promise<unknown> {
  const stream = stdout as NodeJS.WriteStream
  return Promise.race([new Promise((resolve) => stream.once('drain', resolve)), finished(stream).catch(() => {})])
}

function numbers(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
}
