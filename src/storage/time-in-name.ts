/** Now, as a part of a file's name: `20260131T120000.123Z`. */
export function timeInName(): string {
  return new Date().toISOString().replace(/[-:]/g, '')
}
