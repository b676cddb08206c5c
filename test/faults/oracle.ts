/** What one resource says of itself. */
export interface Said {
  readonly show: 'chat' | 'online' | 'away' | 'xa' | 'dnd'
  readonly text: string | null
  readonly priority: number
}

interface Possible {
  /** null: not available */
  readonly said: Said | null
  readonly from: number
  /** When the server surely had what came after it; Infinity while it may be so. */
  landed: number
  /** How long after that a live answer may still show it. */
  graceMs: number
}

/** A time in which the link was late by `ms`, or carried nothing at all (`ms` null) and what was said came after it. */
interface Hindrance {
  readonly from: number
  to: number
  readonly ms: number | null
}

/** What a live answer shows. */
export interface Shown {
  readonly show: string
  readonly text: string | null
}

export const CONTRACT_MS = 500
const KEPT = 40
const ORDER: Readonly<Record<Said['show'], number>> = { chat: 0, online: 1, away: 2, xa: 3, dnd: 4 }

/**
 * Knows what each user may look like. Between a client's write and the server's answer to what the client asked after it,
 * nobody can say which of the two states the server has: both are right. After the answer the old one is wrong, and a live
 * answer may show it for CONTRACT_MS more. All times are performance.now().
 */
export class Oracle {
  readonly #users = new Map<string, Map<string, Possible[]>>()
  readonly #hindrances: Hindrance[] = []

  /**
   * Called before the client does it. From now on it may be so; the returned function says that the server surely has it,
   * so what was before it is not.
   */
  may(user: string, resource: string, said: Said | null): (graceMs?: number) => void {
    const resources = this.#users.get(user) ?? new Map<string, Possible[]>()
    this.#users.set(user, resources)
    const possible = resources.get(resource) ?? [{ said: null, from: -Infinity, landed: Infinity, graceMs: 0 }]
    resources.set(resource, possible)
    const before = possible.filter(({ landed }) => landed === Infinity)
    possible.push({ said, from: performance.now(), landed: Infinity, graceMs: 0 })
    while (possible.length > KEPT && possible[0]?.landed !== Infinity) possible.shift()
    return (graceMs = 0) => {
      const landed = performance.now()
      // Whichever came first, a kill or the client's own act: what was closed stays closed.
      for (const state of before) if (state.landed === Infinity) Object.assign(state, { landed, graceMs })
    }
  }

  /** The server is gone, and all sessions with it: as `may(…, null)` for everybody. */
  allMayBeGone(): () => void {
    const done = [...this.#users].flatMap(([user, resources]) =>
      [...resources.keys()].map((resource) => this.may(user, resource, null)),
    )
    return () => {
      for (const gone of done) gone()
    }
  }

  /** From now until the returned function is called, the link is late by `ms`; null: it carries nothing. */
  hinder(ms: number | null): () => void {
    const hindrance: Hindrance = { from: performance.now(), to: Infinity, ms }
    this.#hindrances.push(hindrance)
    return () => {
      hindrance.to = performance.now()
    }
  }

  /**
   * For how long what is shown has not been so any more, when it was asked for at `asked`: 0 if it may be so, Infinity if it
   * never was. Graces, hindrances and stalls (see StallMeter) do not count.
   */
  lateMs(user: string, shown: Shown, asked: number, stalledSince: (time: number) => number): number {
    const late = ({ landed, graceMs }: Possible) =>
      landed === Infinity ? 0 : Math.max(0, asked - landed - graceMs - this.#hinderedMs(landed) - stalledSince(landed))
    if (this.#fits(user, shown, (state) => late(state) === 0)) return 0
    const times = [...(this.#users.get(user)?.values() ?? [])].flat().map(late)
    return times.sort((a, b) => a - b).find((ms) => this.#fits(user, shown, (state) => late(state) <= ms)) ?? Infinity
  }

  /** What she did last, resource by resource: what she said, from when it may have been so, and when that was over. */
  history(user: string, asked: number): string {
    const lines = [...(this.#users.get(user) ?? [])].map(([resource, states]) => {
      const last = states.slice(-6).map(({ said, from, landed }) => {
        const what = said ? `${said.show} ${said.text} ${said.priority}` : 'gone'
        return `${what} [${(from - asked).toFixed(0)}, ${(landed - asked).toFixed(0)}]`
      })
      return `${resource}: ${last.join(', ')}`
    })
    return lines.join('; ')
  }

  #fits(user: string, shown: Shown, allowed: (state: Possible) => boolean): boolean {
    const resources = [...(this.#users.get(user)?.values() ?? [])].map((states) =>
      states.filter(allowed).map(({ said }) => said),
    )
    if (shown.show === 'offline') return resources.every((states) => states.includes(null))
    return resources.some((states, i) =>
      states.some(
        (said) =>
          said?.show === shown.show &&
          said.text === shown.text &&
          resources.every((others, j) => j === i || others.some((other) => other === null || !beats(other, said))),
      ),
    )
  }

  #hinderedMs(landed: number): number {
    let ms = 0
    for (const { from, to, ms: late } of this.#hindrances) {
      // What the server wrote just before may have been caught, too.
      if (landed < from - CONTRACT_MS || landed > to + (late ?? 0) + CONTRACT_MS) continue
      ms += late ?? Math.max(0, to - landed)
    }
    return ms
  }
}

/** Equals of the same show: the later one wins, which a gateway that was away cannot know. */
function beats(a: Said, b: Said): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  return ORDER[a.show] < ORDER[b.show]
}
