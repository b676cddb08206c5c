import { createHmac } from 'node:crypto'

/** However many are counted, so many counts are kept; two that meet in one place share it. */
export const PLACES = 65_536

/** In which place somebody is counted. Who meets whom cannot be chosen, for the key is secret. */
export class Places {
  readonly #key: Buffer

  constructor(random: (bytes: number) => Buffer) {
    this.#key = random(32)
  }

  of(whom: string): number {
    return createHmac('sha256', this.#key).update(whom).digest().readUInt32BE() % PLACES
  }
}
