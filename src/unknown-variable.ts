const FURTHEST = 2

// What Kubernetes sets for a Service called "gateway", or "gateway-…".
const OF_KUBERNETES = /_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$/
const PORT_OF_KUBERNETES = /_PORT=(tcp|udp|sctp):\/\//

/** What is to be said of a variable that sets nothing; null: nothing, an orchestrator set it. */
export function unknownVariable(name: string, text: string, known: Iterable<string>): string | null {
  if (OF_KUBERNETES.test(name) || PORT_OF_KUBERNETES.test(`${name}=${text}`)) return null
  let closest: string | null = null
  let least = FURTHEST + 1
  for (const key of known) {
    const far = distance(letters(name), letters(key))
    if (far >= least) continue
    least = far
    closest = key
  }
  return `${name}: no such key; ignored${closest === null ? '' : `. Is ${closest} meant?`}`
}

function letters(name: string): string {
  return name.toUpperCase().replaceAll('_', '')
}

/** Levenshtein's, for those that are about as long. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > FURTHEST) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
