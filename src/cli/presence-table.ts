import type { WatchedUser, WatchLine } from '../gateway/gateway-control.js'
import { SHOWS, type Show } from '../presence/presence.js'
import { humanDuration } from './human-duration.js'
import { cells, clip, harmless } from './terminal-text.js'

export interface TableSize {
  readonly columns: number
  readonly rows: number
}

const RANK: Readonly<Record<Show, number>> = { chat: 0, online: 0, away: 1, xa: 2, dnd: 3, offline: 4, unknown: 5 }
const SHOW_COLUMNS = 9
const SINCE_COLUMNS = 10
const GAP = 2
const MIN_JID_COLUMNS = 8
// Not more of a line is looked at than any terminal shows.
const MAX_TEXT = 1024

const BOLD = '\x1b[1m'
const PLAIN = '\x1b[0m'
const ERASE_REST = '\x1b[K'
const ERASE_BELOW = '\x1b[J'
const HOME = '\x1b[H'

/** Everybody who is known, and as many of them as a terminal shows. */
export class PresenceTable {
  readonly #users = new Map<string, WatchedUser>()
  readonly #counts = new Map<Show, number>()

  get size(): number {
    return this.#users.size
  }

  take(line: WatchLine): void {
    const before = this.#users.get(line.jid)
    if (before) this.#count(before.show, -1)
    if ('gone' in line) return void this.#users.delete(line.jid)
    this.#users.set(line.jid, line)
    this.#count(line.show, 1)
  }

  /**
   * One screen, written over the last one: a title, the users (those who are there first) and how many more there are.
   * `notice`: what is wrong, if anything; `now`: ms since 1970.
   */
  draw({ columns, rows }: TableSize, notice: string | null, now: number): string {
    const room = Math.max(1, rows - 2)
    const all = this.#users.size
    const shown = this.#first(all > room ? room - 1 : room)
    const jidColumns = Math.min(
      Math.max(MIN_JID_COLUMNS, ...shown.map(({ jid }) => cells(harmless(jid).slice(0, MAX_TEXT)))),
      Math.max(MIN_JID_COLUMNS, Math.floor(columns * 0.4)),
    )
    const lines = [
      clip(harmless(notice ?? this.#title()), columns),
      `${BOLD}${cut(['JID', 'SHOW', 'SINCE', 'TEXT'], jidColumns, columns)}${PLAIN}`,
      ...shown.map((user) => cut(fields(user, now), jidColumns, columns)),
    ]
    if (all > shown.length) lines.push(clip(`${all - shown.length} more`, columns))
    // A line too many would scroll the screen.
    const visible = lines.slice(0, Math.max(1, rows))
    return `${HOME}${visible.map((line) => line + ERASE_REST).join('\r\n')}${ERASE_BELOW}`
  }

  #title(): string {
    const counts = SHOWS.flatMap((show) => {
      const count = this.#counts.get(show) ?? 0
      return count > 0 ? [`${count} ${show}`] : []
    })
    return counts.length > 0 ? counts.join(', ') : 'nobody is known yet'
  }

  #count(show: Show, by: 1 | -1): void {
    this.#counts.set(show, (this.#counts.get(show) ?? 0) + by)
  }

  /** The first `limit` in order, without sorting a million others. */
  #first(limit: number): WatchedUser[] {
    let best: WatchedUser[] = []
    let worst: WatchedUser | undefined
    for (const user of this.#users.values()) {
      if (worst && compare(user, worst) >= 0) continue
      best.push(user)
      if (best.length < limit * 2 + 64) continue
      best = best.sort(compare).slice(0, limit)
      worst = best.at(-1)
    }
    return best.sort(compare).slice(0, limit)
  }
}

function compare(a: WatchedUser, b: WatchedUser): number {
  return RANK[a.show] - RANK[b.show] || (a.jid < b.jid ? -1 : a.jid > b.jid ? 1 : 0)
}

function fields({ jid, show, text, since, freshness }: WatchedUser, now: number): string[] {
  const age = since === null ? '' : humanDuration((now - since) / 1000)
  return [jid, freshness === 'stale' ? `${show}?` : show, age, text ?? '']
}

/** Columns begin where the terminal is told to begin them: it may give an emoji other cells than we think. */
function cut(
  [jid = '', show = '', since = '', text = '']: readonly string[],
  jidColumns: number,
  columns: number,
): string {
  let line = ''
  let at = 0
  for (const [value, width] of [
    [jid, jidColumns],
    [show, SHOW_COLUMNS],
    [since, SINCE_COLUMNS],
    [text, Number.POSITIVE_INFINITY],
  ] as const) {
    const room = Math.min(width, columns - at)
    if (room <= 0) break
    if (at > 0) line += `\x1b[${at + 1}G${ERASE_REST}`
    line += clip(harmless(value.slice(0, MAX_TEXT)), room)
    at += width + GAP
  }
  return line
}
