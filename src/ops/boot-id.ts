import { readFileSync } from 'node:fs'

/** What tells this boot of the machine from every other one; null where nothing does. */
export function bootId(file = '/proc/sys/kernel/random/boot_id'): string | null {
  try {
    return readFileSync(file, 'latin1').trim() || null
  } catch {
    return null
  }
}
