import { createHmac } from 'node:crypto'

/** However many are counted, so many counts are kept; two that meet in one slot share it. */
export const SLOTS = 65_536

/** In which slot somebody is counted. Who meets whom cannot be chosen, for the key is secret. */
export class Slots {
  readonly #key: Buffer

  constructor(random: (bytes: number) => Buffer) {
    this.#key = random(32)
  }

  of(whom: string): number {
    return createHmac('sha256', this.#key).update(whom).digest().readUInt32BE() % SLOTS
  }
}
