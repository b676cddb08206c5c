import { createReadStream } from 'node:fs'
import { parse as parseCsv } from 'csv-parse'

export type RosterFormat = 'json' | 'csv'

export interface FiledRoster {
  readonly user: string
  /** The module's JSON, unread. */
  readonly contacts: unknown
  /** Where it begins in the file, from 1; null where that is not known. */
  readonly line: number | null
}

/** The file cannot be read as what it is said to be. */
export class RosterFileError extends Error {
  override readonly name = 'RosterFileError'
}

export const CSV_COLUMNS = ['user', 'contact', 'name', 'groups'] as const
/** Between groups in one field; `\\;` is one in a name. */
const GROUP_END = ';'
// A document that is not written a user a line is read whole.
const MOST_CHARACTERS = 256 * 1024 * 1024

/** By the ending of its name; null: neither. */
export function formatOf(file: string): RosterFormat | null {
  return /\.(json|csv)$/i.exec(file)?.[1]?.toLowerCase() === 'csv' ? 'csv' : /\.json$/i.test(file) ? 'json' : null
}

/** Rosters one after another, never the whole file at once where that can be helped. `read`: told how many bytes were. */
export function readRosterFile(
  file: string,
  format: RosterFormat,
  read: (bytes: number) => void,
): AsyncGenerator<FiledRoster> {
  return format === 'csv' ? readCsv(file, read) : readJson(file, read)
}

/** One document, a user a line, so that it can be read that way. */
export async function* writeJson(rosters: AsyncIterable<{ user: string; printed: string }>): AsyncGenerator<string> {
  let before = '{\n'
  for await (const { user, printed } of rosters) {
    yield `${before}${JSON.stringify(user)}:{${printed}}`
    before = ',\n'
  }
  yield before === ',\n' ? '\n}\n' : '{\n}\n'
}

export function joinGroups(groups: readonly string[]): string {
  return groups.map((group) => group.replace(/[\\;]/g, '\\$&')).join(GROUP_END)
}

export function splitGroups(field: string): string[] {
  const groups = field.match(/(?:\\.|[^\\;])+/gs) ?? []
  return groups.map((group) => group.replace(/\\(.)/gs, '$1').trim()).filter((group) => group !== '')
}

async function* readCsv(file: string, read: (bytes: number) => void): AsyncGenerator<FiledRoster> {
  const parser = createReadStream(file)
    .on('data', (chunk) => read(chunk.length))
    .on('error', (error) => parser.destroy(error))
    .pipe(parseCsv({ columns: checkedColumns, bom: true, info: true, skip_empty_lines: true, trim: true }))
  let user: string | null = null
  let line = 0
  let contacts: Record<string, unknown> = Object.create(null)
  const whole = (): FiledRoster[] => (user === null ? [] : [{ user, contacts, line }])
  try {
    for await (const { record, info } of parser) {
      const { contact = '', name = '', groups = '' } = record
      // Of a contact that is there twice the later line would win unseen.
      if (record.user !== user || contact in contacts) {
        yield* whole()
        user = record.user
        line = info.lines
        contacts = Object.create(null)
      }
      contacts[contact] = { name: name === '' ? null : name, groups: splitGroups(groups) }
    }
  } catch (error) {
    throw new RosterFileError((error as Error).message)
  }
  yield* whole()
}

function checkedColumns(header: string[]): string[] {
  const columns = header.map((name) => name.trim().toLowerCase())
  for (const needed of ['user', 'contact']) {
    if (!columns.includes(needed)) throw new Error(`the first line names no column ${needed}: ${CSV_COLUMNS.join(',')}`)
  }
  return columns
}

async function* readJson(file: string, read: (bytes: number) => void): AsyncGenerator<FiledRoster> {
  let number = 0
  /** What comes before the first user; with what is not a user a line it is read whole, at the end. */
  let head = ''
  let begun = false
  let text: string | null = null
  for await (const line of linesOf(file, read)) {
    number++
    if (text !== null) {
      text += `${line}\n`
      if (text.length > MOST_CHARACTERS) throw new RosterFileError('too large to be read whole: write a user a line')
      continue
    }
    const bare = line.trim()
    if (bare === '' || bare === '}') continue
    const roster = userLine(bare)
    if (roster) {
      yield { ...roster, line: number }

      begun = true
    } else if (begun) throw new RosterFileError(`line ${number} is no "user": {…}`)
    else if (head === '' && bare === '{') head = '{\n'
    else text = `${head}${line}\n`
  }
  if (text !== null) yield* documentOf(text)
}

function userLine(line: string): { user: string; contacts: unknown } | null {
  try {
    const [entry, ...more] = Object.entries(JSON.parse(`{${line.replace(/,$/, '')}}`))
    return entry && more.length === 0 ? { user: entry[0], contacts: entry[1] } : null
  } catch {
    return null
  }
}

function* documentOf(text: string): Generator<FiledRoster> {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw new RosterFileError(`it is not JSON: ${(error as Error).message}`)
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new RosterFileError(
      'it must be an object of rosters by user: {"alice@example.org": {"bob@example.org": {…}}}',
    )
  }
  for (const [user, contacts] of Object.entries(document)) yield { user, contacts, line: null }
}

async function* linesOf(file: string, read: (bytes: number) => void): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
    read(Buffer.byteLength(chunk))
    let begin = 0
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', begin)) {
      yield rest + chunk.slice(begin, end)
      rest = ''
      begin = end + 1
    }
    rest += chunk.slice(begin)
    if (rest.length > MOST_CHARACTERS) throw new RosterFileError('too large to be read whole: write a user a line')
  }
  if (rest !== '') yield rest
}
