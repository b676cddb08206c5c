export interface Timer {
  cancel(): void
}

/** Time and timers, injected so that tests own them. Milliseconds everywhere. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  after(ms: number, run: () => void): Timer
}
