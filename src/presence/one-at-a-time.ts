/** Runs tasks one after the other, each when the one before is over, however that ended. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#last.then(task)
    this.#last = run.catch(() => {})
    return run
  }

  /** Resolves when all that was begun is over. */
  async over(): Promise<void> {
    await this.#last
  }
}
