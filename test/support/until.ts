import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The first value of `attempt` that is neither undefined, null nor false. A throw counts as "not yet"; after
 * `timeoutMs` the last one is the cause of the error.
 */
export async function until<T>(
  attempt: () => T | Promise<T>,
  timeoutMs = 5_000,
  what = 'what was waited for',
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const value = await attempt()
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<T, undefined | null | false>
      }
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline) {
      const reason = cause instanceof Error ? ` (${cause.message})` : ''
      throw new Error(`${what}: not within ${timeoutMs} ms${reason}`, { cause })
    }
    await sleep(20)
  }
}
