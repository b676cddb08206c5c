/** The promise's value, or null when `ms` have passed or the signal comes first. What it waits for goes on. */
export async function within<T>(ms: number, stop: AbortSignal, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  let abort: (() => void) | undefined
  const end = new Promise<null>((resolve) => {
    abort = () => resolve(null)
    timer = setTimeout(abort, ms)
    stop.addEventListener('abort', abort, { once: true })
    if (stop.aborted) abort()
  })
  try {
    return await Promise.race([promise, end])
  } finally {
    clearTimeout(timer)
    if (abort) stop.removeEventListener('abort', abort)
  }
}
