import { readFileSync } from 'node:fs'

/** How long, in ms, a process's main thread has been running: that of others which share its core does not count. */
export function cpuMs(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')
  return Number(nanoseconds) / 1e6
}
