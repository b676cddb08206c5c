type Methods = Record<string, (argument: never) => unknown>

/** The other end of Program: runs what the bench calls, one after another, and ends with it. */
export function answerCalls(methods: Methods): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async ({ method, argument }: { method: string; argument: unknown }) => {
    try {
      process.send?.({ result: await methods[method]?.(argument as never) })
    } catch (error) {
      process.send?.({ error: String((error as Error).stack) })
    }
  })
}
