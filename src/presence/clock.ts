export interface Timer {
  cancel(): void
}

/** Time and timers, injected so that tests own them. Milliseconds everywhere. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since some beginning; steady when the wall clock is set. For intervals. */
  steady(): number
  after(ms: number, run: () => void): Timer
}
