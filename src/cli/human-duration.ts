const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** The two largest units of it: `2 h 29 min`, `40 s`, `3 d`. */
export function humanDuration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds))
  const first = UNITS.findIndex(([, size]) => rest >= size)
  if (first < 0) return '0 s'
  const parts: string[] = []
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size)
    if (count > 0) parts.push(`${count} ${unit}`)
    rest -= count * size
  }
  return parts.join(' ')
}
