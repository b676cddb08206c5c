export type Goal = { readonly atLeast: number } | { readonly atMost: number }

/** One measured number. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly goal?: Goal
  /** What the value is the median of, in the order measured. */
  readonly samples?: readonly number[]
}
