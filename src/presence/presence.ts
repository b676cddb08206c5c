/** RFC 6121 §4.7.2.1; `online` is available without a show. */
export type AvailableShow = 'chat' | 'online' | 'away' | 'xa' | 'dnd'
export type Show = AvailableShow | 'offline' | 'unknown'
/** What applications are told. */
export type Status = 'online' | 'away' | 'unavailable' | 'offline' | 'unknown'
/** `live`: covered since the link came up. `stale`: the last that was known. `unknown`: too long ago to be told. */
export type Freshness = 'live' | 'stale' | 'unknown'

export const SHOWS: readonly Show[] = ['chat', 'online', 'away', 'xa', 'dnd', 'offline', 'unknown']

// A word that was cut out of what was read is a string of its own, in each user who said it.
const BY_WORD: ReadonlyMap<string, Show> = new Map(SHOWS.map((show) => [show, show]))

/** The one string of that show, for a word that was read. */
export function showOf(word: string): Show | undefined {
  return BY_WORD.get(word)
}

export function isAvailable(show: Show): show is AvailableShow {
  return show !== 'offline' && show !== 'unknown'
}

const STATUS: Readonly<Record<Show, Status>> = {
  chat: 'online',
  online: 'online',
  away: 'away',
  xa: 'away',
  dnd: 'unavailable',
  offline: 'offline',
  unknown: 'unknown',
}

export function statusOf(show: Show): Status {
  return STATUS[show]
}

/** What one resource says of itself. Times are milliseconds since 1970. */
export interface ResourcePresence {
  readonly show: AvailableShow
  readonly text: string | null
  readonly priority: number
  /** When it was set, if the stanza says so (XEP-0203); else it was set when it came. */
  readonly stampedAt: number | null
  /** XEP-0319, or XEP-0256 counted back; null: it says that nobody is idle; undefined: whoever told does not know. */
  readonly idleSince: number | null | undefined
}

/** What a user looks like now, the winner of her resources. */
export interface UserPresence {
  readonly show: Show
  readonly text: string | null
  /** Milliseconds since 1970; null: never known. */
  readonly since: number | null
  readonly freshness: Freshness
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 §2.2 leaves them out.
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

const PRINTABLE_ASCII = /^[ -~]*$/

/** The first `limit` code points, without what XML 1.0 cannot carry; null for nothing. */
export function cutText(text: string | null, limit: number): string | null {
  if (text === null || text === '') return null
  if (text.length <= limit && PRINTABLE_ASCII.test(text)) return text
  let cut = text.toWellFormed().replace(NOT_XML, '')
  if (cut.length > limit)
    cut = Array.from(cut.slice(0, limit * 2))
      .slice(0, limit)
      .join('')
  return cut === '' ? null : cut
}
