/** As answers have times: UTC, with milliseconds. */
export function rfc3339(time: number): string
export function rfc3339(time: number | null): string | null
export function rfc3339(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
