/** So many at once; so many more wait in line for their turn. */
export class Places {
  readonly #places: number
  readonly #longestLine: number
  #taken = 0
  readonly #line: (() => void)[] = []

  constructor(places: number, longestLine: number) {
    this.#places = places
    this.#longestLine = longestLine
  }

  /** null: the line is full, and nothing is run. */
  take<T>(run: () => Promise<T>): Promise<T> | null {
    if (this.#taken < this.#places) return this.#run(run)
    if (this.#line.length >= this.#longestLine) return null
    return new Promise((resolve) => {
      this.#line.push(() => resolve(this.#run(run)))
    })
  }

  async #run<T>(run: () => Promise<T>): Promise<T> {
    this.#taken++
    try {
      return await run()
    } finally {
      this.#taken--
      this.#line.shift()?.()
    }
  }
}
