/** For each of many, one thing after the other. Who has nothing left to do is not remembered. */
export class InTurn<Key> {
  readonly #lasts = new Map<Key, Promise<void>>()

  run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    const run = (this.#lasts.get(key) ?? Promise.resolve()).then(task)
    const over = () => {
      if (this.#lasts.get(key) === last) this.#lasts.delete(key)
    }
    const last = run.then(over, over)
    this.#lasts.set(key, last)
    return run
  }

  /** Resolves when all that was begun is over. */
  async over(): Promise<void> {
    await Promise.all(this.#lasts.values())
  }
}
