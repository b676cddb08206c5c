/** Whether what is said to that URL's host stays on this machine. */
export function isLoopback(service: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/i.test(new URL(service).hostname)
}
