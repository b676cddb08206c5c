interface Part {
  stop(): unknown
}

/** Runs it, and stops in the end whatever it opened, the newest first. */
export async function withParts<T>(run: (opened: <P extends Part>(part: P) => P) => Promise<T>): Promise<T> {
  const parts: Part[] = []
  try {
    return await run((part) => {
      parts.push(part)
      return part
    })
  } finally {
    for (const part of parts.toReversed()) await part.stop()
  }
}
