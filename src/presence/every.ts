import type { Clock, Timer } from './clock.js'

/** Runs it again and again, each time so long after it was done, until it is cancelled. */
export function every(clock: Pick<Clock, 'after'>, ms: number, run: () => void): Timer {
  let timer: Timer
  const again = () => {
    timer = clock.after(ms, () => {
      run()
      again()
    })
  }
  again()
  return { cancel: () => timer.cancel() }
}
