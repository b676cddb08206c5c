import type { Off, WebhookState } from './webhook-state.js'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** How long after a failure it is tried again, by how many there were in a row; after the last, each time as long. */
const TABLE = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const
// Added at random, so that those that failed together do not come back together.
const JITTER = 0.2
const LONGEST_WAIT = 24 * HOUR

/** Of failures without a success: after so long there is one last try, and then none. */
const OFF_AFTER_MS = 120 * HOUR

/** What is otherwise after a try that failed. `retryAfter`: the header, as it came. */
export function afterFailure(
  { failures, failingSince }: WebhookState,
  now: number,
  { status, retryAfter }: { readonly status: number | null; readonly retryAfter: string | null },
  fraction: () => number,
): Pick<WebhookState, 'failures' | 'failingSince' | 'nextAt' | 'off'> {
  const since = failingSince ?? now
  const counted = { failures: failures + 1, failingSince: since, nextAt: now }
  const off = (because: Off['because']): Off => ({ because, at: now, isTold: false })
  if (status === 410) return { ...counted, off: off('gone') }
  if (now - since >= OFF_AFTER_MS) return { ...counted, off: off('failing') }
  const asked = retryAfter === null ? null : waitOf(retryAfter, now)
  // Whoever asks for less than the shortest wait gets that.
  const wait = asked === null ? (TABLE[failures] ?? LONGEST_WAIT) : Math.max(asked, TABLE[0])
  const jittered = wait * (1 + JITTER * fraction())
  const last = Math.max(since + OFF_AFTER_MS, now + TABLE[0])
  return { ...counted, nextAt: Math.round(Math.min(now + jittered, last)), off: null }
}

/** RFC 9110 §10.2.3; ms, a day at most; null: it says nothing that could be read. */
function waitOf(retryAfter: string, now: number): number | null {
  const text = retryAfter.trim()
  const ms = /^\d+$/.test(text) ? Number(text) * SECOND : Date.parse(text) - now
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), LONGEST_WAIT)
}
