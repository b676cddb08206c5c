import { execFileSync } from 'node:child_process'

/** No file of that process grows beyond it, as on a full disk; null: as before. */
export function limitFiles(pid: number | undefined, bytes: number | null): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:unlimited`])
}
