/** Of the same clock in every process of the machine. */
export function steadyMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
