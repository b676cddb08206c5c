/** Whoever takes longer to ask, to send a body, to take an answer, or to ask again, is cut off, to make room for others. */
export const PATIENCE_MS = 10_000
