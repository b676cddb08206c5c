interface Part {
  stop(): unknown
}

export type Opened = <P extends Part>(part: P) => P

/** Runs it, and stops in the end whatever it opened, the newest first. */
export async function withParts<T>(run: (opened: Opened) => Promise<T>): Promise<T> {
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
