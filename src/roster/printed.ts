/** What is served, as text that was measured once. */
export interface Printed {
  readonly text: string
  /** In UTF-8. */
  readonly bytes: number
}

export function measured(text: string): Printed {
  return { text, bytes: Buffer.byteLength(text) }
}
