import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const CORES = { measured: '0', load: '1' }

/** Puts a process, with every thread of it, on one of the two cores that a bench uses: what is measured, and what loads it. */
export function pin(pid: number | undefined, core: keyof typeof CORES): void {
  if (pid === undefined) throw new Error('the process has not started')
  if (availableParallelism() < 2) throw new Error('a bench needs two cores')
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', CORES[core], String(pid)], { stdio: 'pipe' })
}
