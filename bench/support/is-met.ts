import type { Figure } from './figure.js'

/** null: it has no goal. */
export function isMet({ value, goal }: Figure): boolean | null {
  if (!goal) return null
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
}
