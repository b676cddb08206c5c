import { readFileSync } from 'node:fs'

/** Bytes of memory that a process holds now; `peak`: the most it ever held. proc(5). */
export function residentMemory(pid: number, peak = false): number {
  const line = new RegExp(`^${peak ? 'VmHWM' : 'VmRSS'}:\\s+(\\d+) kB`, 'm')
  return Number(line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
