import { MOST_IN_BATCH } from '../presence/presence-store.js'

/** A place in the log, as one number: up to and with the entry in that place of that batch. */
export type Position = number

const PLACES = 2048
const LAST = PLACES - 1
if (MOST_IN_BATCH > LAST) throw new Error('a batch has more places than a position can tell')

export function positionOf(batch: number, place: number): Position {
  return batch * PLACES + place
}

/** After all of it. */
export function endOf(batch: number): Position {
  return positionOf(batch, LAST)
}

/** All before the batch are wholly before the position. */
export function batchOf(position: Position): number {
  return Math.floor(position / PLACES)
}

/** Up to and with which place of that batch; LAST_PLACE: all of it. */
export function placeOf(position: Position): number {
  return position % PLACES
}

export const LAST_PLACE = LAST
